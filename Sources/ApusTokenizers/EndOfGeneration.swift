/// The tokens that end an answer: model files name one or two of them and leave the rest to be known by their text.
///
/// The texts are those that llama.cpp goes by, so that the same file stops at the same token.
enum EndOfGeneration {
    private static let endings = [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>", "<|endoftext|>", "</s>",
        "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
        "<｜end▁of▁sentence｜>", "[e~[",
    ]
    /// Of each group the first that a vocabulary has: padding, repository and file separators of code models.
    private static let fileEndings = [
        ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
        ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
        ["<|file_sep|>"],
    ]
    /// Marks around the gap of a fill-in task.
    private static let gapMarks = [
        ["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>"],
        ["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>"],
        ["<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>"],
    ]
    /// Parts of a message's head in gpt-oss, which are shown.
    private static let shownMarks = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"]

    /// Returns the tokens that end generation, and marks what looks like a control token as one: files call some user-defined.
    static func claim(in vocabulary: Vocabulary, named: [Int32?]) -> Set<Int32> {
        for group in fileEndings + gapMarks { if let id = first(of: group, in: vocabulary) { vocabulary.setKind(.control, of: id) } }
        for id in endings.compactMap(vocabulary.id) { vocabulary.setKind(.control, of: id) }
        for id in shownMarks.compactMap(vocabulary.id) { vocabulary.setKind(.userDefined, of: id) }
        let (partEnd, plainEnd) = exceptions(vocabulary)
        if let partEnd { vocabulary.setKind(.userDefined, of: partEnd) }
        if let plainEnd { vocabulary.setKind(.normal, of: plainEnd) }
        return find(in: vocabulary, named: named)
    }

    /// The tokens that end generation.
    static func find(in vocabulary: Vocabulary, named: [Int32?]) -> Set<Int32> {
        var found = endings.compactMap(vocabulary.id) + fileEndings.compactMap { first(of: $0, in: vocabulary) }
        found += named.compactMap { $0.map(Int.init) }
        let (partEnd, plainEnd) = exceptions(vocabulary)
        return Set(found.filter { $0 != partEnd && $0 != plainEnd }.map(Int32.init))
    }

    private static func first(of texts: [String], in vocabulary: Vocabulary) -> Int? {
        texts.lazy.compactMap(vocabulary.id).first
    }

    /// "<|end|>" where messages close with a mark of their own and it closes a part only; "</s>" where it is plain text.
    private static func exceptions(_ vocabulary: Vocabulary) -> (partEnd: Int?, plainEnd: Int?) {
        func has(_ text: String) -> Bool { vocabulary.id(text) != nil }
        let closesParts = has("<|return|>") && has("<|call|>") || (has("<|call|>") || has("<|calls|>")) && has("<|flush|>")
        let hasPlainEnd = has("<|tool_response>") || has("<|plamo:eos|>")
        return (closesParts ? vocabulary.id("<|end|>") : nil, hasPlainEnd ? vocabulary.id("</s>") : nil)
    }
}
