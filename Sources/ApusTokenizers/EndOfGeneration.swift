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
    /// Marks around the gap of a fill-in task: control tokens, though files call some user-defined.
    private static let gapMarks = [
        ["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>"],
        ["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>"],
        ["<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>"],
    ]
    /// Parts of a message's head in gpt-oss, which are shown.
    private static let shownMarks = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"]

    /// Returns the tokens that end generation, and marks what looks like a control token as one.
    static func claim(in vocabulary: Vocabulary, named: [Int32?]) -> Set<Int32> {
        var endOfGeneration = Set<Int32>()
        func mark(_ text: String) -> Int? {
            guard let id = vocabulary.id(text) else { return nil }
            vocabulary.setKind(.control, of: id)
            return id
        }
        for group in fileEndings { if let id = group.lazy.compactMap(mark).first { endOfGeneration.insert(Int32(id)) } }
        for group in gapMarks { _ = group.lazy.compactMap(mark).first }
        for text in endings { if let id = mark(text) { endOfGeneration.insert(Int32(id)) } }
        for text in shownMarks { if let id = vocabulary.id(text) { vocabulary.setKind(.userDefined, of: id) } }
        for case let id? in named { endOfGeneration.insert(id) }

        func has(_ text: String) -> Bool { vocabulary.id(text) != nil }
        // Where messages close with their own mark, "<|end|>" only closes a part of one.
        if let end = vocabulary.id("<|end|>"), has("<|return|>") && has("<|call|>") || (has("<|call|>") || has("<|calls|>")) && has("<|flush|>") {
            endOfGeneration.remove(Int32(end))
            vocabulary.setKind(.userDefined, of: end)
        }
        if let plain = vocabulary.id("</s>"), has("<|tool_response>") || has("<|plamo:eos|>") {
            endOfGeneration.remove(Int32(plain))
            vocabulary.setKind(.normal, of: plain)
        }
        return endOfGeneration
    }
}
