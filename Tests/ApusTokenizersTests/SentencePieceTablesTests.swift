import ApusBase
import Testing

@testable import ApusTokenizers

/// SentencePiece's BPE between `tokenizer.model` and GGUF's tables.
@Suite struct SentencePieceTablesTests {
    private let bytes: [UInt8]

    init() throws { bytes = try Goldens.bytes("sp-llama.model") }

    private func tables(config: String? = nil, count: Int = 705) throws -> TokenizerTables {
        try TokenizerTables(sentencePieceModel: bytes, config: config.map { Array($0.utf8) }, subject: "tokenizer.model", count: count)
    }

    @Test func encodesTheSameThereAndBack() throws {
        let model = try Tokenizer(sentencePieceModel: bytes), tables = try tables()
        let there = try Tokenizer(tables: tables), back = try Tokenizer(sentencePieceModel: tables.sentencePieceModel())
        #expect(tables.tokens.count == 705 && tables.tokens.string(704) == "[PAD704]" && tables.tokenTypes[704] == 5)
        for text in try TextTokenizerTests.texts() {
            let ids = model.encode(text, parseSpecial: false)
            #expect(back.encode(text, parseSpecial: false) == ids, Comment(rawValue: text.debugDescription))
            // llama.cpp keeps bytes that are no UTF-8.
            guard !text.contains("\u{FFFD}") else { continue }
            #expect(there.encode(text, parseSpecial: false) == ids, Comment(rawValue: text.debugDescription))
            #expect(try there.decode(ids, skipSpecial: true) == model.decode(ids, skipSpecial: true))
        }
    }

    @Test func takesAddedTokens() throws {
        let config =
            #"{"added_tokens_decoder": {"700": {"content": "<|end|>", "special": true}, "701": {"content": "▁▁ two", "special": false}}, "eos_token": "<|end|>"}"#
        let tables = try tables(config: config)
        #expect(tables.eos == 700 && tables.tokenTypes[700] == 3 && tables.tokenTypes[701] == 4)
        #expect(try Tokenizer(tables: tables).encode("a<|end|>", parseSpecial: true).contains(700))
        // A mark in a user-defined token comes back as one.
        #expect(try Tokenizer(sentencePieceModel: tables.sentencePieceModel()).vocabulary.id("▁▁▁two") == 701)
    }

    @Test func refusesWhatTablesCannotSay() throws {
        for name in ["sp-bpe", "sp-unigram", "sp-suffix"] {
            let other = try Goldens.bytes(name + ".model")
            #expect(throws: InputError.self) { try TokenizerTables(sentencePieceModel: other, config: nil, subject: name, count: 2000) }
        }
        #expect(throws: InputError.self) { try self.tables(count: 699) }
        #expect(throws: InputError.self) { try self.tables(config: #"{"added_tokens_decoder": {"705": {"content": "x"}}}"#) }
        var wrong = try tables()
        (wrong.tokenTypes[0], wrong.unknown) = (1, nil)
        #expect(throws: InputError.self) { try wrong.sentencePieceModel() }
    }
}
