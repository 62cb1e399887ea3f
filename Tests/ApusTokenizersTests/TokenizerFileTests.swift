import ApusBase
import Testing

@testable import ApusTokenizers

enum Goldens {
    static let folder = String(#filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 }) + "/Goldens/tokenizers"

    static func bytes(_ name: String) throws -> [UInt8] { try FileReader.contents(of: "\(folder)/\(name)") }

    static func tokenizer(_ name: String) throws -> Tokenizer { try Tokenizer(tokenizerJSON: bytes(name + ".json"), subject: name + ".json") }

    /// - Parameter file: a tokenizer.json, or a `.model` of SentencePiece.
    static func tokenizer(file: String) throws -> Tokenizer {
        let bytes = try Goldens.bytes(file)
        return file.hasSuffix(".model")
            ? try Tokenizer(sentencePieceModel: bytes, subject: file) : try Tokenizer(tokenizerJSON: bytes, subject: file)
    }

    static func texts() throws -> [String] {
        try JSON(parsing: bytes("texts.json"), subject: "texts.json").array!.map { $0.string! }
    }

    static let names = [
        "gpt2", "gpt2-prefix-space", "smollm", "llama3", "qwen2", "gpt4-removed", "gpt4o", "deepseek3", "bloom", "falcon", "merged", "whitespace",
    ]
}

@Suite("tokenizer.json") struct TokenizerFileTests {
    @Test("gives the ids and texts of Hugging Face tokenizers", arguments: Goldens.names)
    func goldens(name: String) throws {
        let tokenizer = try Goldens.tokenizer(name)
        let texts = try Goldens.texts()
        let rows = try JSON(parsing: Goldens.bytes(name + ".ids.json"), subject: name).array!
        #expect(texts.count == rows.count && texts.count > 150)
        for (text, row) in zip(texts, rows) {
            let row = row.array!
            let ids = row[0].array!.map { Int32($0.int!) }
            #expect(tokenizer.encode(text, addSpecial: false, parseSpecial: true) == ids, "\(text.debugDescription)")
            let special = row.count > 2 ? row[2].array!.map { Int32($0.int!) } : ids
            #expect(tokenizer.encode(text, parseSpecial: true) == special, "\(text.debugDescription)")
            #expect(try tokenizer.decode(ids, skipSpecial: false) == row[1].string!, "\(text.debugDescription)")
            var stream = tokenizer.streamDecoder(skipSpecial: false)
            #expect(ids.map { stream.push($0) }.joined() + stream.finish() == row[1].string!)
        }
    }

    @Test("leaves special tokens in text alone unless asked")
    func specialText() throws {
        let tokenizer = try Goldens.tokenizer("gpt2")
        let end = try #require(tokenizer.id(ofToken: "<|end|>"))
        let text = "a <|end|> b<|begin|>"
        #expect(tokenizer.encode(text, parseSpecial: true).contains(end))
        let plain = tokenizer.encode(text)
        #expect(!plain.contains(where: tokenizer.isSpecial))
        #expect(try tokenizer.decode(plain) == text)
        #expect(try tokenizer.decode(tokenizer.encode("x<|end|>y", parseSpecial: true)) == "xy")
    }

    @Test("takes names of tokens from tokenizer_config.json")
    func config() throws {
        let config = #"{"bos_token": {"content": "<s>"}, "eos_token": "</s>", "pad_token": null, "add_bos_token": true, "add_eos_token": true}"#
        let tokenizer = try Tokenizer(tokenizerJSON: Goldens.bytes("gpt2.json"), config: Array(config.utf8))
        #expect(tokenizer.bos == 0 && tokenizer.eos == 1 && tokenizer.padding == nil && tokenizer.addsBOS)
        let ids = tokenizer.encode("hi")
        #expect(ids.first == 0 && ids.last == 1)
        #expect(tokenizer.endOfGenerationIDs == [1, tokenizer.id(ofToken: "<|end|>")!])
        #expect(throws: InputError.self) {
            try Tokenizer(tokenizerJSON: Goldens.bytes("gpt2.json"), config: Array(#"{"eos_token": "<none>"}"#.utf8))
        }
    }

    /// A small valid file; `parts` replaces members.
    static func file(_ parts: [String: String] = [:], model: [String: String] = [:]) -> [UInt8] {
        var members = ["pre_tokenizer": #"{"type": "ByteLevel", "add_prefix_space": false}"#, "added_tokens": "[]"]
        var modelMembers = ["type": #""BPE""#, "vocab": #"{"a": 0, "b": 1, "ab": 2, "Ġ": 3}"#, "merges": #"["a b"]"#]
        members.merge(parts) { $1 }
        modelMembers.merge(model) { $1 }
        func object(_ members: [String: String]) -> String { "{" + members.map { "\"\($0)\": \($1)" }.sorted().joined(separator: ", ") + "}" }
        members["model"] = object(modelMembers)
        return Array(object(members).utf8)
    }

    @Test("small file")
    func small() throws {
        let tokenizer = try Tokenizer(tokenizerJSON: Self.file())
        #expect(tokenizer.encode("abba ab") == [2, 1, 0, 3, 2])
        #expect(tokenizer.vocabularySize == 4)
        #expect(tokenizer.tokenText(3) == "Ġ" && tokenizer.tokenBytes(3) == [0x20] && tokenizer.tokenText(4) == nil)
        #expect(throws: InputError.self) { try tokenizer.decode([4]) }
        #expect(throws: InputError.self) { try tokenizer.decode([-1]) }
    }

    @Test(
        "names what is wrong or not supported",
        arguments: [
            (["normalizer": #"{"type": "Odd"}"#], [:], "Odd"),
            (["pre_tokenizer": #"{"type": "Magic"}"#], [:], "Magic"),
            (
                ["pre_tokenizer": #"{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"}]}"#], [:],
                "pretokenizers[0]"
            ),
            (["decoder": #"{"type": "WordPiece"}"#], [:], "byte-level"),
            (["post_processor": #"{"type": "Magic"}"#], [:], "Magic"),
            (["post_processor": #"{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}]}"#], [:], "single[0]"),
            (["added_tokens": #"[{"id": 1, "content": "<x>"}]"#], [:], "<x>"),
            (["added_tokens": #"[{"id": 999999999, "content": "<x>"}]"#], [:], "999999999"),
            (["added_tokens": #"[{"id": -1, "content": "<x>"}]"#], [:], "added_tokens[0]"),
            (["added_tokens": #"[{"id": 4, "content": "ab"}]"#], [:], "ab"),
            ([:], ["type": #""WordLevel""#], "WordLevel"),
            ([:], ["merges": #"["a c"]"#], "merge 0"),
            ([:], ["merges": #"["a b", "ab a"]"#], "merge 1"),
            ([:], ["merges": #"["ab"]"#], "merge 0"),
            ([:], ["merges": #"[["a"]]"#], "merges[0]"),
            ([:], ["vocab": #"{"a": 0, "b": 0}"#], "id 0"),
            ([:], ["vocab": #"{"a": -1}"#], "vocab"),
            ([:], ["vocab": "{}"], "0 tokens"),
            ([:], ["byte_fallback": "true"], "byte_fallback"),
            ([:], ["dropout": "0.1"], "dropout"),
            ([:], ["unk_token": #""<unk>""#], "<unk>"),
            ([:], ["end_of_word_suffix": #""</w>""#], "end_of_word_suffix"),
        ] as [([String: String], [String: String], String)])
    func errors(parts: [String: String], model: [String: String], mention: String) {
        do {
            _ = try Tokenizer(tokenizerJSON: Self.file(parts, model: model))
            Issue.record("no error")
        } catch {
            #expect("\(error)".contains(mention), "\(error)")
        }
    }

    @Test("never crashes on a file that is cut or changed")
    func damaged() throws {
        let whole = Self.file(["added_tokens": #"[{"id": 4, "content": "<x>", "special": true}]"#])
        for length in 0..<whole.count { #expect(throws: InputError.self) { try Tokenizer(tokenizerJSON: Array(whole[..<length])) } }
        for at in whole.indices {
            for byte in [UInt8(0), 0x22, 0x30, 0x39, 0x5B, 0x7D, 0xFF] {
                var changed = whole
                changed[at] = byte
                if let tokenizer = try? Tokenizer(tokenizerJSON: changed) { _ = tokenizer.encode("abba <x> 12") }
            }
        }
    }
}
