import ApusBase
import ApusModels
import Testing

@testable import ApusTokenizers

/// Tokenizers over text: SentencePiece's two kinds, the same in `tokenizer.json`, WordPiece.
@Suite("Text tokenizers") struct TextTokenizerTests {
    static func texts() throws -> [String] {
        try JSON(parsing: Goldens.bytes("text-texts.json"), subject: "text-texts.json").array!.map { $0.string! }
    }

    static func sentencePiece(_ name: String) throws -> Tokenizer {
        try Tokenizer(sentencePieceModel: Goldens.bytes(name + ".model"), subject: name + ".model")
    }

    private func rows(_ name: String) throws -> [(ids: [Int32], text: String?, special: [Int32]?)] {
        func ids(_ value: JSON) -> [Int32] { value.array!.map { Int32($0.int!) } }
        return try JSON(parsing: Goldens.bytes(name + ".ids.json"), subject: name).array!.map { row in
            let row = row.array!
            return (ids(row[0]), row.count > 1 ? row[1].string : nil, row.count > 2 ? ids(row[2]) : nil)
        }
    }

    private func check(_ tokenizer: Tokenizer, _ name: String, parseSpecial: Bool) throws {
        let rows = try rows(name)
        let texts = try Self.texts()
        #expect(texts.count == rows.count && texts.count > 100)
        for (text, row) in zip(texts, rows) {
            let comment = Comment(rawValue: text.debugDescription)
            #expect(tokenizer.encode(text, addSpecial: false, parseSpecial: parseSpecial) == row.ids, comment)
            if let special = row.special { #expect(tokenizer.encode(text, parseSpecial: parseSpecial) == special, comment) }
            guard let decoded = row.text else { continue }
            #expect(try tokenizer.decode(row.ids, skipSpecial: false) == decoded, comment)
            var stream = tokenizer.streamDecoder(skipSpecial: false)
            #expect(row.ids.map { stream.push($0) }.joined() + stream.finish() == decoded, comment)
        }
    }

    @Test(
        "gives the ids and texts of SentencePiece",
        arguments: ["sp-llama", "sp-bpe", "sp-unigram", "sp-unigram-bytes", "sp-suffix", "fairseq"])
    func sentencePieceGoldens(name: String) throws {
        try check(Self.sentencePiece(name), name, parseSpecial: false)
    }

    @Test(
        "gives the ids and texts of Hugging Face tokenizers",
        arguments: [
            "hf-llama", "hf-mistral", "hf-gemma", "hf-bpe-unknown", "hf-bpe-words", "hf-t5", "hf-albert", "hf-unigram-bytes", "hf-bert", "hf-bert-cased",
            "hf-word-piece",
        ])
    func jsonGoldens(name: String) throws {
        try check(Goldens.tokenizer(name), name, parseSpecial: true)
    }

    @Test(
        "gives llama.cpp's ids on the vocabulary of XLM-R",
        .enabled(if: VocabularyCases.folder != nil, "APUS_TEST_CACHE names no folder; see scripts/fetch-test-data.sh"))
    func xlmRoberta() throws {
        let tokenizer = try VocabularyCases.tokenizer("nomic-bert-moe")
        for (text, row) in zip(try Self.texts(), try rows("xlm-roberta")) {
            #expect(tokenizer.encode(text, addSpecial: false) == row.ids, "\(text.debugDescription)")
        }
    }

    @Test("gives the text back where the scheme keeps it", arguments: ["sp-llama", "sp-unigram-bytes"])
    func roundTrip(name: String) throws {
        let tokenizer = try Self.sentencePiece(name)
        for text in try Self.texts() where !text.contains("▁") {
            #expect(try tokenizer.decode(tokenizer.encode(text, addSpecial: false)) == text, "\(text.debugDescription)")
        }
    }

    @Test("reads bytes that are no UTF-8 as U+FFFD", arguments: ["sp-llama", "sp-unigram", "hf-llama", "hf-t5", "hf-bert"])
    func malformed(name: String) throws {
        let tokenizer = name.hasPrefix("sp") ? try Self.sentencePiece(name) : try Goldens.tokenizer(name)
        #expect(tokenizer.ids([0x61, 0xFF, 0x62, 0xE2]) == tokenizer.encode("a\u{FFFD}b\u{FFFD}", addSpecial: false))
    }

    @Test("leaves control tokens in text alone unless asked")
    func controlText() throws {
        let tokenizer = try Self.sentencePiece("sp-bpe")
        let control = try #require(tokenizer.id(ofToken: "<ctrl>"))
        #expect(!tokenizer.encode("a <ctrl> </s>").contains(where: { $0 == control || $0 == tokenizer.eos }))
        #expect(tokenizer.encode("a <ctrl>", parseSpecial: true).contains(control))
        #expect(tokenizer.encode("a").first == tokenizer.bos)
        #expect(try Self.sentencePiece("sp-unigram").encode("a").last == tokenizer.eos)
    }

    @Test("never crashes on a model file that is cut or changed", arguments: ["sp-bpe", "sp-unigram"])
    func damaged(name: String) throws {
        let whole = try Goldens.bytes(name + ".model")
        for length in stride(from: 0, to: whole.count, by: 97) {
            if let tokenizer = try? Tokenizer(sentencePieceModel: Array(whole[..<length])) { _ = tokenizer.encode("a b é ①") }
        }
        var generator = SplitMix64(seed: 3)
        for _ in 0..<300 {
            var changed = whole
            for _ in 0..<3 { changed[Int.random(in: 0..<whole.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator) }
            if let tokenizer = try? Tokenizer(sentencePieceModel: changed) { _ = tokenizer.encode("a b é ①…\u{3000}") }
        }
        #expect(throws: InputError.self) { try Tokenizer(sentencePieceModel: []) }
        #expect(throws: InputError.self) { try Tokenizer(sentencePieceModel: Array("not a model".utf8)) }
    }

    @Test("reads vocab.txt as BERT's tokenizer.json reads")
    func vocabTxt() throws {
        let json = try Goldens.tokenizer("hf-bert")
        let count = json.vocabularySize
        let lines = (0..<Int32(count)).map { json.tokenText($0)! }.filter { $0 != "<tool>" && $0 != "once" }
        let tokenizer = try Tokenizer(vocabTxt: Array((lines.joined(separator: "\n") + "\n").utf8))
        for text in try Self.texts() where !text.contains("once") && !text.contains("<tool>") {
            #expect(tokenizer.encode(text) == json.encode(text), "\(text.debugDescription)")
        }
        #expect(throws: InputError.self) { try Tokenizer(vocabTxt: Array("a\nb\n".utf8)) }
    }

    @Test("takes linear time for one letter, spaces and marks", .timeLimit(.minutes(2)), arguments: ["sp-llama", "sp-unigram", "hf-t5", "hf-bert", "hf-llama"])
    func worstCases(name: String) throws {
        let tokenizer = name.hasPrefix("sp") ? try Self.sentencePiece(name) : try Goldens.tokenizer(name)
        for text in ["a", " ", "\u{301}", "\u{4E2D}"] {
            _ = tokenizer.ids(Array(String(repeating: text, count: 1_000_000).utf8))
        }
    }
}
