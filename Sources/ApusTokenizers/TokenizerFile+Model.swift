import ApusBase

extension TokenizerFile {
    func model(_ vocabulary: Vocabulary, isByteLevel: Bool) throws(InputError) -> Tokenizer.Model {
        let type = modelOptions["type"]?.string ?? (scores.isEmpty ? "BPE" : "Unigram")
        switch type {
        case "BPE": return try bpe(vocabulary, isByteLevel)
        case "Unigram": return try unigram(vocabulary)
        case "WordPiece": return try wordPiece(vocabulary)
        default: throw error("model.type", "a tokenizer of the kind \"\(type)\"", remedy: "BPE, Unigram and WordPiece can be read")
        }
    }

    private func flag(_ key: String) -> Bool { modelOptions[key]?.bool ?? false }

    private func unknownToken(_ vocabulary: Vocabulary) throws(InputError) -> Int? {
        guard let text = modelOptions["unk_token"]?.string else { return nil }
        guard let id = vocabulary.id(text) else { throw error("model.unk_token", "\"\(text)\" is not in the vocabulary") }
        return id
    }

    private func bpe(_ vocabulary: Vocabulary, _ isByteLevel: Bool) throws(InputError) -> Tokenizer.Model {
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            guard modelOptions[key]?.string ?? "" == "" else { throw error("model.\(key)", "is not supported") }
        }
        guard modelOptions["dropout"]?.double ?? 0 == 0 else {
            throw error("model.dropout", "random merges are not supported in a file", remedy: "set it to null to encode as in inference")
        }
        let unknown = try unknownToken(vocabulary)
        if isByteLevel {
            guard !flag("byte_fallback") else { throw error("model.byte_fallback", "belongs to no byte-level BPE") }
            guard unknown == nil || !flag("fuse_unk") else { throw error("model.fuse_unk", "is not supported in a byte-level BPE") }
            return .byteLevelBPE(
                try ByteLevelBPE(
                    vocabulary: vocabulary, merges: merges, ignoresMerges: flag("ignore_merges"), unknown: unknown, subject: subject))
        }
        let fallback = flag("byte_fallback") ? ByteFallback(vocabulary) : nil
        if let fallback { try checkMerges(vocabulary, fallback) }
        return .characterBPE(
            CharacterBPE(
                vocabulary: vocabulary, merges: try MergeTable(merges, vocabulary, subject: subject), byteFallback: fallback, unknown: unknown,
                fusesUnknown: flag("fuse_unk"), ignoresMerges: flag("ignore_merges")))
    }

    /// Merges of byte tokens would reach over characters that stand beside each other in no token.
    private func checkMerges(_ vocabulary: Vocabulary, _ fallback: ByteFallback) throws(InputError) {
        for rank in 0..<merges.count {
            let merge = merges[rank]
            guard merge.count >= 8, merge.first == UInt8(ascii: "<") || merge.last == UInt8(ascii: ">") else { continue }
            for part in merge.split(separator: 0x20) where part.count == 6 {
                guard ByteFallback.byte(of: Array(part)) == nil else { throw error("model.merges[\(rank)]", "merges a byte token, which is not supported") }
            }
        }
    }

    private func unigram(_ vocabulary: Vocabulary) throws(InputError) -> Tokenizer.Model {
        guard !scores.isEmpty else { throw error("model.vocab", "must be an array of [text, score] in a unigram model") }
        if let id = modelOptions["unk_id"]?.int, id < 0 || id >= vocabulary.count { throw error("model.unk_id", "\(id) is not in the vocabulary") }
        // Added tokens behind the vocabulary are matched in text alone.
        var all = scores
        while all.count < vocabulary.count {
            if vocabulary.kinds[all.count] == .userDefined { vocabulary.setKind(.unused, of: all.count) }
            all.append(0)
        }
        return .unigram(
            try Unigram(
                vocabulary: vocabulary, scores: all, unknown: modelOptions["unk_id"]?.int, byteFallback: flag("byte_fallback") ? ByteFallback(vocabulary) : nil,
                sums: .perWord, userDefinedScore: { _ in nil }, subject: subject))
    }

    private func wordPiece(_ vocabulary: Vocabulary) throws(InputError) -> Tokenizer.Model {
        let limit = modelOptions["max_input_chars_per_word"]?.int ?? 100
        guard limit >= 0 else { throw error("model.max_input_chars_per_word", "must not be negative") }
        return .wordPiece(
            try WordPiece(
                vocabulary: vocabulary, continuationPrefix: modelOptions["continuing_subword_prefix"]?.string ?? "##",
                unknown: try unknownToken(vocabulary), mostCharacters: limit, subject: subject))
    }
}
