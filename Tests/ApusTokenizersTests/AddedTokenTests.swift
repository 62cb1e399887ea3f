import ApusBase
import ApusModels
import Glibc
import Testing

@testable import ApusTokenizers

/// Tokens that were added to a tokenizer, in a `tokenizer.json` and in the older files of a folder.
@Suite("Added tokens") struct AddedTokenTests {
    private func golden(_ name: String) throws -> JSON { try JSON(parsing: Goldens.bytes(name + ".json"), subject: name) }

    private static func ids(_ value: JSON) -> [Int32] { value.array!.map { Int32($0.int!) } }

    private func check(_ tokenizer: Tokenizer, _ rows: JSON) throws {
        #expect(rows.array!.count > 10)
        for row in rows.array!.map({ $0.array! }) {
            let text = row[0].string!, comment = Comment(rawValue: text.debugDescription), ids = Self.ids(row[1])
            #expect(tokenizer.encode(text, addSpecial: false, parseSpecial: true) == ids, comment)
            #expect(tokenizer.encode(text, parseSpecial: true) == Self.ids(row[4]), comment)
            // Hugging Face reads added tokens of a byte-level BPE as bytes in its alphabet, which need not be UTF-8.
            if !row[3].string!.contains("\u{FFFD}") { #expect(try tokenizer.decode(ids, skipSpecial: false) == row[3].string!, comment) }
            // A model of Hugging Face may make a special token of text that is the token's; here that is asked for, or text.
            let plain = Self.ids(row[2])
            if !plain.contains(where: { tokenizer.isSpecial($0) && $0 != tokenizer.unknown }) {
                #expect(tokenizer.encode(text, addSpecial: false, parseSpecial: false) == plain, comment)
            }
        }
    }

    @Test(
        "are matched as Hugging Face tokenizers match them",
        arguments: [
            "hf-bert", "hf-bert-cased", "hf-word-piece", "hf-t5", "hf-albert", "hf-llama", "hf-mistral", "hf-gemma", "hf-bpe-words", "gpt2", "llama3",
            "qwen2",
        ])
    func options(name: String) throws {
        let golden = try #require(try golden("added-tokens")[name])
        var file = try self.golden(name).object!
        file["added_tokens"] = golden["added"]
        try check(Tokenizer(tokenizerJSON: Array(JSON.object(file).serialized().utf8)), golden["rows"]!)
    }

    /// The second one is matched in the white space that belongs to the first.
    @Test func share() throws {
        let tokens = """
            [{"id": 4, "content": "<x>", "rstrip": true}, {"id": 5, "content": "  "}, {"id": 6, "content": "<x>y"}, \
            {"id": 7, "content": "y", "special": true}]
            """
        let tokenizer = try Tokenizer(tokenizerJSON: TokenizerFileTests.file(["added_tokens": tokens]))
        #expect(tokenizer.encode("<x>    a") == [4, 5, 5, 0] && tokenizer.encode("<x>   a") == [4, 5, 3, 0])
        #expect(tokenizer.encode("<x>y<x>ab") == [6, 4, 2])
        #expect(tokenizer.encode("ay", parseSpecial: true) == [0, 7] && tokenizer.encode("ay") == [0])
    }

    // MARK: Older files

    private func older(_ index: Int) throws -> (tokenizer: Tokenizer, rows: JSON) {
        let golden = try #require(try golden("older-folders").array?[index])
        func bytes(_ key: String) -> [UInt8]? { golden[key].flatMap { $0.isNull ? nil : Array($0.serialized().utf8) } }
        let (config, list) = (bytes("config"), bytes("list"))
        if golden["file"]?.string == "vocab.txt" {
            let json = try Goldens.tokenizer("hf-bert"), lines = (0..<Int32(500)).map { json.tokenText($0)! } + ["[MASK]"]
            let bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
            return (try Tokenizer(vocabTxt: bytes, config: config, addedTokens: list), golden["rows"]!)
        }
        if golden["file"]?.string == "tokenizer.model" {
            return (try Tokenizer(sentencePieceModel: Goldens.bytes("sp-llama.model"), config: config, addedTokens: list), golden["rows"]!)
        }
        if golden["file"]?.string == "spiece.model" {
            let bytes = try Goldens.bytes("sp-t5.model"), sentinels = golden["config"]!["extra_ids"]!.int!
            return (try Tokenizer(sentencePieceModel: bytes, config: config, addedTokens: list, sentinels: sentinels), golden["rows"]!)
        }
        return (try Tokenizer(xlmRoberta: Goldens.bytes("fairseq.model"), config: config, addedTokens: list), golden["rows"]!)
    }

    @Test("of older folders are read as transformers reads them", arguments: 0..<11)
    func olderFolders(index: Int) throws {
        let (tokenizer, rows) = try older(index)
        try check(tokenizer, rows)
    }

    /// SentencePiece's ids are one less; what its rules do in another way than Hugging Face's components is left out.
    @Test func xlmRobertaCountsAsFairseq() throws {
        let tokenizer = try older(3).tokenizer, pieces = try TextTokenizerTests.sentencePiece("fairseq")
        #expect((tokenizer.bos, tokenizer.padding, tokenizer.eos, tokenizer.unknown, tokenizer.id(ofToken: "<mask>")) == (0, 1, 2, 3, 501))
        var count = 0
        for text in try TextTokenizerTests.texts() {
            let odd =
                text.contains("<s>")
                || text.unicodeScalars.contains {
                    $0.properties.generalCategory == .nonspacingMark || $0.properties.isWhitespace && !" \t\n\u{A0}\u{3000}".unicodeScalars.contains($0)
                }
            guard !odd else { continue }
            let shifted = pieces.encode(text, addSpecial: false).map { $0 == 0 ? 3 : $0 + 1 }
            #expect(tokenizer.encode(text) == [0] + shifted + [2], "\(text.debugDescription)")
            count += 1
        }
        #expect(count > 100)
    }

    @Test func xlmRobertaThereAndBack() throws {
        let bytes = try Goldens.bytes("fairseq.model"), model = try older(3).tokenizer
        let tables = try TokenizerTables(xlmRoberta: bytes, config: nil, addedTokens: nil, subject: "fairseq.model", count: 502)
        #expect((tables.bos, tables.padding, tables.eos, tables.unknown, tables.mask) == (0, 1, 2, 3, 501) && tables.addsBOS == true && tables.addsEOS == true)
        #expect(Array(tables.tokenTypes[0..<5]) == [3, 3, 3, 2, 1])
        let there = try Tokenizer(tables: tables)
        for text in ["Hello, world! 12", "a <mask> b", "今天 ﬁ ①", ""] {
            #expect(there.encode(text, parseSpecial: true) == model.encode(text, parseSpecial: true), "\(text)")
        }
    }

    @Test(
        "of a folder are read by the kind that its configuration names",
        arguments: [
            ("{}", #"{"tokenizer_class": "XLMRobertaTokenizerFast"}"#, nil), (#"{"model_type": "xlm-roberta"}"#, "{}", nil),
            (#"{"model_type": "bert", "tokenizer_class": "XLMRobertaTokenizer"}"#, nil, nil), (#"{"model_type": "xglm"}"#, nil, "xglm"),
            (#"{"model_type": "xlm-roberta"}"#, #"{"tokenizer_class": "CamembertTokenizer"}"#, "Camembert"), (nil, nil, "not named"),
        ] as [(String?, String?, String?)])
    func folder(model: String?, config: String?, refusal: String?) throws {
        var template = Array("/tmp/apus-tokenizer-XXXXXX".utf8CString)
        let path = String(cString: mkdtemp(&template))
        defer {
            for name in ["sentencepiece.bpe.model", "config.json", "tokenizer_config.json", "added_tokens.json"] { unlink(path + "/" + name) }
            rmdir(path)
        }
        func write(_ name: String, _ bytes: [UInt8]) throws {
            let file = try AtomicFile(path: path + "/" + name)
            try file.write(bytes)
            try file.commit()
        }
        try write("sentencepiece.bpe.model", Goldens.bytes("fairseq.model"))
        if let model { try write("config.json", Array(model.utf8)) }
        if let config { try write("tokenizer_config.json", Array(config.utf8)) }
        try write("added_tokens.json", Array(#"{"<x>": 502}"#.utf8))
        guard let refusal else {
            let tokenizer = try ModelSource.tokenizer(path: path)
            #expect(tokenizer.encode("a<x>") == [0, 9, 498, 502, 2])
            return
        }
        let error = #expect(throws: InputError.self) { try ModelSource.tokenizer(path: path) }
        #expect(error.map { "\($0)".contains(refusal) && "\($0)".contains("tokenizer.json") } == true, "\(error?.description ?? "")")
    }

    @Test("of a T5 folder are the sentinels, unless its configuration has others", arguments: [nil, 3, -1])
    func sentinels(extraIDs: Int?) throws {
        var template = Array("/tmp/apus-tokenizer-XXXXXX".utf8CString)
        let path = String(cString: mkdtemp(&template))
        defer {
            for name in ["spiece.model", "config.json", "tokenizer_config.json"] { unlink(path + "/" + name) }
            rmdir(path)
        }
        let config = extraIDs.map { #"{"extra_ids": \#($0)}"# } ?? "{}", count = extraIDs ?? 100
        for (name, bytes) in [
            ("spiece.model", try Goldens.bytes("sp-t5.model")), ("config.json", Array(#"{"model_type": "t5"}"#.utf8)),
            ("tokenizer_config.json", Array(config.utf8)),
        ] {
            let file = try AtomicFile(path: path + "/" + name)
            try file.write(bytes)
            try file.commit()
        }
        guard count >= 0 else {
            let error = #expect(throws: InputError.self) { try ModelSource.tokenizer(path: path) }
            #expect(error.map { "\($0)".contains("extra_ids") } == true)
            return
        }
        let tokenizer = try ModelSource.tokenizer(path: path)
        #expect(tokenizer.vocabularySize == 500 + count && tokenizer.id(ofToken: "<extra_id_0>") == Int32(499 + count))
        let tables = try TokenizerTables(
            sentencePieceModel: Goldens.bytes("sp-t5.model"), config: nil, sentinels: count, subject: "spiece.model", count: 640)
        let text = "a <extra_id_0> b<extra_id_2>c"
        #expect(try Tokenizer(tables: tables).encode(text, parseSpecial: true) == tokenizer.encode(text, parseSpecial: true))
    }

    @Test("that are malformed are named")
    func malformed() throws {
        let pieces = try Goldens.bytes("fairseq.model"), lines = Array("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n".utf8)
        func config(_ text: String) -> [UInt8] { Array(text.utf8) }
        let cases: [(String, () throws -> Tokenizer)] = [
            ("added_tokens_decoder.x", { try Tokenizer(vocabTxt: lines, config: config(#"{"added_tokens_decoder": {"x": {"content": "b"}}}"#)) }),
            ("lstrip", { try Tokenizer(vocabTxt: lines, config: config(#"{"added_tokens_decoder": {"5": {"content": "b", "lstrip": 1}}}"#)) }),
            ("[NO]", { try Tokenizer(vocabTxt: lines, config: config(#"{"cls_token": "[NO]"}"#)) }),
            ("added_tokens.json", { try Tokenizer(vocabTxt: lines, addedTokens: config(#"{"b": -5}"#)) }),
            ("has the id 4", { try Tokenizer(vocabTxt: lines, addedTokens: config(#"{"b": 4}"#)) }),
            ("XLM-R's", { try Tokenizer(xlmRoberta: Goldens.bytes("sp-llama.model")) }),
            ("over the end", { try Tokenizer(xlmRoberta: Array(pieces.dropLast(3))) }),
        ]
        for (mention, make) in cases {
            let error = #expect(throws: InputError.self) { _ = try make() }
            #expect(error.map { "\($0)".contains(mention) } == true, "\(mention): \(error?.description ?? "")")
        }
    }
}
