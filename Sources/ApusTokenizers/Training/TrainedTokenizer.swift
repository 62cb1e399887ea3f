import ApusBase

/// What `TokenizerTrainer` has learnt.
public struct TrainedTokenizer: Sendable {
    /// The number of tokens, special ones included.
    public let vocabularySize: Int
    /// The tokenizer as a `tokenizer.json` holds it.
    public let tokenizerJSON: JSON

    /// - Parameters:
    ///   - special: the special tokens, whose ids are the first.
    ///   - components: the members `normalizer`, `pre_tokenizer`, `post_processor` and `decoder`.
    init(vocabularySize: Int, special: [String], components: JSONObject, model: JSONObject) {
        self.vocabularySize = vocabularySize
        let added = special.enumerated().map { id, text in
            JSON.object([
                "id": .integer(id), "content": .string(text), "single_word": .bool(false), "lstrip": .bool(false), "rstrip": .bool(false),
                "normalized": .bool(false), "special": .bool(true),
            ])
        }
        var file: JSONObject = ["version": .string("1.0"), "truncation": .null, "padding": .null, "added_tokens": .array(added)]
        for (key, value) in components.members { file[key] = value }
        file["model"] = .object(model)
        tokenizerJSON = .object(file)
    }
}

extension JSON {
    /// A component of a `tokenizer.json`.
    static func component(_ type: String, _ options: JSONObject = [:]) -> JSON {
        var object: JSONObject = ["type": .string(type)]
        for (key, value) in options.members { object[key] = value }
        return .object(object)
    }

    /// A vocabulary by text.
    static func vocabulary(_ tokens: [[UInt8]]) -> JSON {
        var vocabulary = JSONObject()
        for (id, text) in tokens.enumerated() { vocabulary[String(decoding: text, as: UTF8.self)] = .integer(id) }
        return .object(vocabulary)
    }
}
