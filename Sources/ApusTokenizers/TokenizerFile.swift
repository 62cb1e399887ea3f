import ApusBase

/// The parts of a `tokenizer.json` (Hugging Face tokenizers), read in one pass. The vocabulary and merges go straight into tables.
struct TokenizerFile {
    struct AddedToken {
        var id: Int
        var text: String
        var isSpecial: Bool
        var stripsLeft, stripsRight, isWholeWord: Bool
        /// Matched in normalised text.
        var isNormalized: Bool
    }

    let subject: String
    var addedTokens: [AddedToken] = []
    private(set) var normalizer = JSON.null
    private(set) var preTokenizer = JSON.null
    var postProcessor = JSON.null
    private(set) var decoder = JSON.null
    /// The members of `model` apart from the tables.
    private(set) var modelOptions = JSONObject()
    /// The vocabulary's texts in file order, and the id of each.
    private(set) var texts = StringTable()
    private(set) var ids: [Int] = []
    /// The scores of a unigram vocabulary.
    private(set) var scores: [Double] = []
    private(set) var merges = StringTable()

    static func read(_ bytes: UnsafeRawBufferPointer, subject: String) throws(InputError) -> TokenizerFile {
        var reader = JSONReader(bytes, subject: subject)
        var file = Self(subject: subject)
        try reader.readObject { (key, reader) throws(InputError) in
            switch key {
            case "added_tokens": try file.readAddedTokens(&reader)
            case "normalizer": file.normalizer = try reader.readValue()
            case "pre_tokenizer": file.preTokenizer = try reader.readValue()
            case "post_processor": file.postProcessor = try reader.readValue()
            case "decoder": file.decoder = try reader.readValue()
            case "model": try file.readModel(&reader)
            // Truncation and padding are settings of the caller's batch, which transformers resets at each call.
            case "version", "truncation", "padding": try reader.skipValue()
            default: throw file.error(key, "is not known of a tokenizer.json")
            }
        }
        try reader.finish()
        return file
    }

    private init(subject: String) { self.subject = subject }

    /// What such a file would hold. Its ids are the places of the texts; scores are those of a unigram model.
    init(
        subject: String, normalizer: JSON, preTokenizer: JSON, decoder: JSON, modelOptions: JSONObject, texts: StringTable, scores: [Double] = []
    ) {
        self.subject = subject
        (self.normalizer, self.preTokenizer, self.decoder) = (normalizer, preTokenizer, decoder)
        (self.modelOptions, self.texts, self.scores, ids) = (modelOptions, texts, scores, Array(0..<texts.count))
    }

    func error(_ location: String, _ rule: String, remedy: String? = nil) -> InputError {
        InputError(subject, at: location, rule, remedy: remedy)
    }

    private mutating func readAddedTokens(_ reader: inout JSONReader) throws(InputError) {
        guard let array = try reader.readValue().array else { throw error("added_tokens", "must be an array") }
        for (index, token) in array.enumerated() {
            guard let id = token["id"]?.int, id >= 0, let text = token["content"]?.string, !text.isEmpty else {
                throw error("added_tokens[\(index)]", "must have an \"id\" from 0 upwards and a \"content\" that is not empty")
            }
            let location = "added_tokens[\(index)]"
            try check(token, ["id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"], at: location)
            addedTokens.append(try addedToken(token, id: id, text: text, isNormalized: false, at: location))
        }
    }

    private mutating func readModel(_ reader: inout JSONReader) throws(InputError) {
        var file = self
        try reader.readObject { (key, reader) throws(InputError) in
            switch key {
            case "vocab" where try reader.peek() == UInt8(ascii: "["): try file.readScoredVocabulary(&reader)
            case "vocab": try file.readVocabulary(&reader)
            case "merges": try file.readMerges(&reader)
            default: file.modelOptions[key] = try reader.readValue()
            }
        }
        self = file
    }

    private mutating func readVocabulary(_ reader: inout JSONReader) throws(InputError) {
        var (texts, ids) = (StringTable(), [Int]())
        let subject = subject
        try reader.readObject { (text, reader) throws(InputError) in
            guard let id = try reader.readValue().int, id >= 0 else {
                throw InputError(subject, at: "model.vocab[\"\(text)\"]", "an id must be a whole number from 0 upwards")
            }
            texts.append(text.utf8)
            ids.append(id)
        }
        (self.texts, self.ids) = (texts, ids)
    }

    /// Unigram's vocabulary is an array of [text, score].
    private mutating func readScoredVocabulary(_ reader: inout JSONReader) throws(InputError) {
        var (texts, scores) = (StringTable(), [Double]())
        let subject = subject
        try reader.readArray { (reader) throws(InputError) in
            guard let entry = try reader.readValue().array, entry.count == 2, let text = entry[0].string, let score = entry[1].double else {
                throw InputError(subject, at: "model.vocab[\(scores.count)]", "must be [\"text\", score]")
            }
            texts.append(text.utf8)
            scores.append(score)
        }
        (self.texts, self.scores, ids) = (texts, scores, Array(0..<scores.count))
    }

    /// Merges are written "a b" or, since tokenizers 0.20, ["a", "b"].
    private mutating func readMerges(_ reader: inout JSONReader) throws(InputError) {
        var merges = StringTable()
        let subject = subject
        try reader.readArray { (reader) throws(InputError) in
            if try reader.peek() == UInt8(ascii: "\"") { return merges.append(try reader.readString().utf8) }
            guard let pair = try reader.readValue().array, pair.count == 2, let left = pair[0].string, let right = pair[1].string,
                !left.utf8.contains(0x20), !right.utf8.contains(0x20)
            else {
                throw InputError(
                    subject, at: "model.merges[\(merges.count)]",
                    "must be \"left right\" or [\"left\", \"right\"] without spaces in either")
            }
            merges.append(Array(left.utf8) + [0x20] + Array(right.utf8))
        }
        self.merges = merges
    }
}
