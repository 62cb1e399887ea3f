import ApusBase
import ApusCheckpoints
import Testing

@testable import ApusModels
@testable import ApusTokenizers

/// WordPiece and unigram tokenizers between their files and GGUF's tables: the same ids there and back.
@Suite("GGUF's tables of WordPiece and unigram models") struct GGUFTablesTests {
    /// A golden with some of its text changed; its token that is matched in normalized text left out, the other one matched as it stands.
    private func json(_ name: String, _ changes: [(String, String)] = []) throws -> [UInt8] {
        var text = String(decoding: try Goldens.bytes(name + ".json"), as: UTF8.self)
        text = text.replacing(/,\{"id":\d+,"content":"once"[^}]*\}/, with: "")
        for (old, new) in changes + [(#""content":"<tool>","single_word":false,"lstrip":true"#, #""content":"<tool>","single_word":false,"lstrip":false"#)] {
            try #require(text.contains(old), "\(old)")
            text = text.replacing(old, with: new)
        }
        return Array(text.utf8)
    }

    private func tables(_ json: [UInt8], count: Int = 520) throws -> TokenizerTables {
        try TokenizerTables(tokenizerJSON: json, config: nil, subject: "tokenizer.json", count: count)
    }

    /// Ids by the tables, and by the file that is made of them, are those of `model`.
    private func check(
        _ tables: TokenizerTables, _ model: Tokenizer, parsing: [Bool] = [false, true], where isIncluded: (String) -> Bool
    ) throws {
        let there = try Tokenizer(tables: tables), json = Array(try tables.tokenizerJSON().serialized(pretty: true).utf8)
        let back = try Tokenizer(tokenizerJSON: json), again = try TokenizerTables(tokenizerJSON: json, config: nil, subject: "", count: tables.tokens.count)
        #expect(back.vocabularySize == model.vocabularySize && again.tokens.bytes == tables.tokens.bytes && again.tokenTypes == tables.tokenTypes)
        #expect(again.scores.map(Float.init) == tables.scores.map(Float.init) && again.charsMap == tables.charsMap)
        let texts = try TextTokenizerTests.texts().filter(isIncluded)
        #expect(texts.count > 80)
        for text in texts {
            for isParsed in parsing {
                let ids = model.encode(text, parseSpecial: isParsed), comment = Comment(rawValue: "\(text.debugDescription), \(isParsed)")
                #expect(there.encode(text, parseSpecial: isParsed) == ids, comment)
                #expect(back.encode(text, parseSpecial: isParsed) == ids, comment)
            }
        }
    }

    /// A mark in a text is taken for the start of a word in the tables.
    private func hasNoMark(_ text: String) -> Bool { !text.contains("▁") }

    @Test(
        arguments: [
            [], [(#""lowercase":true"#, #""lowercase":false"#)], [(#""strip_accents":null"#, #""strip_accents":false"#)],
        ] as [[(String, String)]])
    func wordPiece(changes: [(String, String)]) throws {
        let json = try json("hf-bert", changes), tables = try tables(json)
        #expect(tables.tokens.string(519) == "[PAD519]" && tables.tokenTypes[519] == 5 && tables.notes.isEmpty)
        #expect((tables.classification, tables.separator, tables.unknown, tables.padding, tables.mask) == (2, 3, 1, 0, nil))
        try check(tables, Tokenizer(tokenizerJSON: json), where: hasNoMark)
    }

    @Test func vocabTxt() throws {
        let model = try Goldens.tokenizer("hf-bert"), lines = (0..<Int32(500)).map { model.tokenText($0)! } + ["[MASK]"]
        let bytes = Array((lines.joined(separator: "\n") + "\n").utf8), config = Array(#"{"do_lower_case": false}"#.utf8)
        for config in [nil, config] {
            let tables = try TokenizerTables(vocabTxt: bytes, config: config, subject: "vocab.txt", count: 520)
            #expect(tables.mask == 500 && tables.lowercases == (config == nil))
            try check(tables, Tokenizer(vocabTxt: bytes, config: config), where: hasNoMark)
        }
    }

    /// A single mask, whose white space GGUF has no words for.
    @Test func notesWhatControlTokensLose() throws {
        let json = try json("hf-bert", [(#""content":"[CLS]","single_word":false,"lstrip":false"#, #""content":"[CLS]","single_word":false,"lstrip":true"#)])
        #expect(try tables(json).notes.count == 1 && tables(json).notes[0].contains("around [CLS], which"))
    }

    // MARK: Unigram

    private static let metaspace = #"{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},"post_processor""#

    /// As T5's and XLM-R's files have it.
    private static let splittingWords = (
        #""pre_tokenizer":"# + metaspace,
        #""pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},"# + metaspace.replacing(",\"post", with: "]},\"post")
    )

    /// As transformers makes it of a `spiece.model`.
    private static let joiningSpaces = (
        #""normalizer":{"type":"Precompiled""#,
        #""normalizer":{"type":"Sequence","normalizers":[{"type":"Precompiled""#
    )
    private static let joiningSpacesEnd = (
        #""},"pre_tokenizer""#,
        #""},{"type":"Strip","strip_left":false,"strip_right":true},{"type":"Replace","pattern":{"Regex":" {2,}"},"content":"▁"}]},"pre_tokenizer""#
    )

    /// What the table does not map to a space; several marks on a letter; marks in the text itself.
    private func isUsual(_ text: String) -> Bool {
        hasNoMark(text) && !text.unicodeScalars.contains { $0.properties.isWhitespace && !" \t\n\u{A0}\u{3000}".unicodeScalars.contains($0) }
            && !text.unicodeScalars.contains { $0.properties.generalCategory == .nonspacingMark }
    }

    @Test func unigramOfWords() throws {
        let json = try json("hf-t5", [Self.splittingWords]), tables = try tables(json)
        #expect((tables.bos, tables.eos, tables.unknown, tables.addsBOS, tables.addsEOS) == (nil, 2, 0, false, true))
        #expect((tables.removesExtraSpaces, tables.addsSpacePrefix) == (true, true) && tables.notes.isEmpty)
        try check(tables, Tokenizer(tokenizerJSON: json), where: isUsual)
    }

    @Test func unigramOfJoinedSpaces() throws {
        let json = try json("hf-t5", [Self.joiningSpaces, Self.joiningSpacesEnd]), tables = try tables(json)
        #expect((tables.removesExtraSpaces, tables.addsSpacePrefix) == (true, true) && tables.notes.isEmpty)
        try check(tables, Tokenizer(tokenizerJSON: json), where: isUsual)
    }

    /// A space at the start of a part of the text is the one that would be added, but not in SentencePiece's rules.
    @Test func unigramThatKeepsSpaces() throws {
        let json = try json("hf-t5"), tables = try tables(json)
        #expect((tables.removesExtraSpaces, tables.addsSpacePrefix) == (false, true) && tables.notes.count == 1)
        try check(tables, Tokenizer(tokenizerJSON: json)) { isUsual($0) && $0.first?.isWhitespace == false && !$0.contains("> ") && !$0.hasSuffix(" <tool>") }
    }

    /// SentencePiece's own file with the types that `type` makes of its own; GGUF's tables add up no sums over words.
    private func sentencePiece(_ name: String, _ type: (SentencePieceModel, Int) -> Int) throws -> [UInt8] {
        let golden = try SentencePieceModel(Goldens.bytes(name + ".model"), subject: name)
        var file = ProtobufWriter(), trainer = ProtobufWriter(), normalizer = ProtobufWriter()
        for id in 0..<golden.pieces.count {
            var piece = ProtobufWriter()
            piece.bytes(1, golden.pieces[id])
            piece.fixed32(2, Float(golden.scores[id]).bitPattern)
            piece.integer(3, type(golden, id))
            file.bytes(1, piece.bytes)
        }
        trainer.integer(3, 1)
        trainer.integer(35, golden.hasByteFallback ? 1 : 0)
        normalizer.bytes(2, golden.charsMap)
        normalizer.integer(3, golden.addsDummyPrefix ? 1 : 0)
        normalizer.integer(4, golden.removesExtraSpaces ? 1 : 0)
        file.bytes(2, trainer.bytes)
        file.bytes(3, normalizer.bytes)
        return file.bytes
    }

    /// User-defined pieces are made ordinary ones.
    @Test func sentencePiece() throws {
        let bytes = try sentencePiece("sp-unigram") { $0.types[$1] == 4 ? 1 : $0.types[$1] }
        let tables = try TokenizerTables(sentencePieceModel: bytes, config: nil, subject: "spiece.model", count: 505)
        #expect((tables.removesExtraSpaces, tables.addsSpacePrefix, tables.addsEOS, tables.eos) == (true, true, true, 2) && !tables.charsMap.isEmpty)
        // What follows a special token gets a space in the tables, as in Hugging Face's files.
        try check(tables, Tokenizer(sentencePieceModel: bytes), parsing: [false], where: isUsual)
    }

    @Test func unigramOfBytes() throws {
        let json = try json("hf-unigram-bytes"), tables = try tables(json, count: 1000), bytes = tables.tokenTypes.filter { $0 == 6 }
        #expect(bytes.count == 256 && tables.notes.count == 1 && tables.notes[0].contains("llama.cpp"))
        try check(tables, Tokenizer(tokenizerJSON: json), where: hasNoMark)
        var broken = tables
        broken.tokenTypes[try #require(tables.tokenTypes.firstIndex(of: 6))] = 6
        broken.tokens = StringTable((0..<tables.tokens.count).map { tables.tokens.string($0).replacing("<0x41>", with: "<0x4G>") })
        #expect(throws: InputError.self) { try Tokenizer(tables: broken) }
    }

    /// Of bytes, and with pieces that are user-defined, one with a space among them.
    @Test(arguments: [false, true])
    func sentencePieceOfBytes(userDefined: Bool) throws {
        let names = userDefined ? ["▁👍,", "FUNCTION", "天"] : []
        let bytes = try sentencePiece("sp-unigram-bytes") { names.contains($0.pieces.string($1)) ? 4 : $0.types[$1] }
        let tables = try TokenizerTables(sentencePieceModel: bytes, config: nil, subject: "spiece.model", count: 705)
        #expect((tables.removesExtraSpaces, tables.addsSpacePrefix) == (false, false) && tables.tokenTypes.contains(4) == userDefined)
        let model = try Tokenizer(sentencePieceModel: bytes)
        try check(tables, model, parsing: [false], where: hasNoMark)
        let text = "\u{0}a €5 天气 👍, FUNCTIONS  \u{1F9FF}", there = try Tokenizer(tables: tables), ids = there.encode(text)
        #expect(try ids == model.encode(text) && there.decode(ids) == text)
        #expect(names.allSatisfy { there.id(ofToken: $0.replacing("▁", with: " ")).map(ids.contains) == true })
    }

    @Test(
        "carries llama.cpp's vocabularies there and back", .enabled(if: VocabularyCases.folder != nil, "APUS_TEST_CACHE names no folder"),
        arguments: ["bert-bge", "nomic-bert-moe"])
    func vocabularies(name: String) throws {
        let there = try VocabularyCases.tokenizer(name), path = "\(VocabularyCases.folder!)/ggml-vocab-\(name).gguf"
        let tables = try ModelSource.tables(GGUFFile(path: path).metadata, path: path)
        let json = Array(try tables.tokenizerJSON().serialized(pretty: true).utf8), back = try Tokenizer(tokenizerJSON: json)
        let again = try Tokenizer(tables: TokenizerTables(tokenizerJSON: json, config: nil, subject: name, count: tables.tokens.count))
        for text in try TextTokenizerTests.texts() {
            let ids = there.encode(text), comment = Comment(rawValue: text.debugDescription)
            #expect(again.encode(text) == ids, comment)
            if name == "bert-bge" ? hasNoMark(text) : isUsual(text) { #expect(back.encode(text) == ids, comment) }
        }
    }

    @Test func refusesWhatTablesCannotSay() throws {
        let splitting = String(decoding: try json("hf-t5", [Self.splittingWords]), as: UTF8.self)
        let unmapped = splitting.replacing(/"normalizer":\{[^}]*\}/, with: "\"normalizer\":null")
        let bytes: [(String, [UInt8])] = [
            ("added_tokens", try Goldens.bytes("hf-bert.json")), ("Chinese", try json("hf-bert-cased")), ("BERT's", try json("hf-word-piece")),
            ("99 characters", try json("hf-bert", [(#""max_input_chars_per_word":100"#, #""max_input_chars_per_word":99"#)])),
            ("spiece.model", try json("hf-albert")), ("over characters", try json("hf-bpe-words")),
            ("part words", Array(unmapped.utf8)),
        ]
        for (message, json) in bytes {
            let error = #expect(throws: InputError.self) { try self.tables(json, count: 1000) }
            #expect(error.map { "\($0)".contains(message) } == true, "\(message): \(error?.description ?? "")")
        }
        #expect(throws: InputError.self) { try self.tables(json("hf-bert"), count: 500) }
        let error = #expect(throws: InputError.self) {
            try TokenizerTables(sentencePieceModel: Goldens.bytes("sp-unigram.model"), config: nil, subject: "spiece.model", count: 1000)
        }
        #expect(error.map { "\($0)".contains("user-defined pieces") } == true)
    }

    @Test func base64() {
        for count in 0..<9 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: 37 &+ $0 &* 91) }
            #expect(Base64.decoded(Base64.encoded(bytes).utf8) == bytes && Base64.encoded(bytes).utf8.count % 4 == 0)
        }
        #expect(Base64.encoded(Array("any carnal pleas".utf8)) == "YW55IGNhcm5hbCBwbGVhcw==")
    }
}
