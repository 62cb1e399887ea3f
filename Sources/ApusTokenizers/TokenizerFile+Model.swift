import ApusBase

extension TokenizerFile {
    func model(_ vocabulary: Vocabulary, isByteLevel: Bool) throws(InputError) -> Tokenizer.Model {
        let type = modelOptions["type"]?.string ?? (scores.isEmpty ? "BPE" : "Unigram")
        if let known = Self.modelKeys[type] { try check(.object(modelOptions), known, at: "model") }
        switch type {
        case "BPE": return try bpe(vocabulary, isByteLevel)
        case "Unigram": return try unigram(vocabulary)
        case "WordPiece": return try wordPiece(vocabulary)
        default: throw error("model.type", "a tokenizer of the kind \"\(type)\"", remedy: "BPE, Unigram and WordPiece can be read")
        }
    }

    private static let modelKeys: [String: Set<String>] = [
        "BPE": [
            "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges",
        ], "Unigram": ["unk_id", "byte_fallback"], "WordPiece": ["unk_token", "continuing_subword_prefix", "max_input_chars_per_word"],
    ]

    private func flag(_ key: String) throws(InputError) -> Bool { try flag(.object(modelOptions), key, false, at: "model") }

    private func text(_ key: String) throws(InputError) -> String? { try text(.object(modelOptions), key, at: "model") }

    private func unknownToken(_ vocabulary: Vocabulary) throws(InputError) -> Int? {
        guard let text = try text("unk_token") else { return nil }
        guard let id = vocabulary.id(text) else { throw error("model.unk_token", "\"\(text)\" is not in the vocabulary") }
        return id
    }

    private func bpe(_ vocabulary: Vocabulary, _ isByteLevel: Bool) throws(InputError) -> Tokenizer.Model {
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            guard try text(key) ?? "" == "" else { throw error("model.\(key)", "is not supported") }
        }
        guard modelOptions["dropout"].map({ $0.isNull || $0.double == 0 }) ?? true else {
            throw error("model.dropout", "random merges are not supported in a file", remedy: "set it to null to encode as in inference")
        }
        let unknown = try unknownToken(vocabulary)
        if isByteLevel {
            guard try !flag("byte_fallback") else { throw error("model.byte_fallback", "belongs to no byte-level BPE") }
            let fusesUnknown = try flag("fuse_unk")
            guard unknown == nil || !fusesUnknown else { throw error("model.fuse_unk", "is not supported in a byte-level BPE") }
            return .byteLevelBPE(
                try ByteLevelBPE(
                    vocabulary: vocabulary, merges: merges, ignoresMerges: try flag("ignore_merges"), unknown: unknown, subject: subject))
        }
        let fallback = try flag("byte_fallback") ? ByteFallback(vocabulary) : nil
        if let fallback { try checkMerges(vocabulary, fallback) }
        return .characterBPE(
            CharacterBPE(
                vocabulary: vocabulary, merges: try MergeTable(merges, vocabulary, subject: subject), byteFallback: fallback, unknown: unknown,
                fusesUnknown: try flag("fuse_unk"), ignoresMerges: try flag("ignore_merges")))
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
        if let id = modelOptions["unk_id"], !id.isNull {
            guard let id = id.int, id >= 0, id < vocabulary.count else { throw error("model.unk_id", "must be an id of the vocabulary") }
        }
        // Added tokens behind the vocabulary are matched in text alone.
        var all = scores
        while all.count < vocabulary.count {
            if vocabulary.kinds[all.count] == .userDefined { vocabulary.setKind(.unused, of: all.count) }
            all.append(0)
        }
        return .unigram(
            try Unigram(
                vocabulary: vocabulary, scores: all, unknown: modelOptions["unk_id"]?.int,
                byteFallback: try flag("byte_fallback") ? ByteFallback(vocabulary) : nil,
                sums: .perWord, userDefinedScore: { _ in nil }, subject: subject))
    }

    private func wordPiece(_ vocabulary: Vocabulary) throws(InputError) -> Tokenizer.Model {
        let limit = modelOptions["max_input_chars_per_word"] ?? .integer(100)
        guard let limit = limit.int, limit >= 0 else { throw error("model.max_input_chars_per_word", "must be a whole number from 0 upwards") }
        return .wordPiece(
            try WordPiece(
                vocabulary: vocabulary, continuationPrefix: try text("continuing_subword_prefix") ?? "##",
                unknown: try unknownToken(vocabulary), mostCharacters: limit, subject: subject))
    }
}
