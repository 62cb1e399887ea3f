import ApusBase
import Testing

@testable import ApusTokenizers

/// GGUF tables with a token for each byte, then `tokens`, then `special` of the given type.
func tables(tokens: [String] = [], merges: [String] = [], special: [(String, Int)] = [], pre: String = "gpt-2") -> TokenizerTables {
    let bytes = (0..<256).map { byte -> String in
        var text: [UInt8] = []
        ByteAlphabet.append(UInt8(byte), to: &text)
        return String(decoding: text, as: UTF8.self)
    }
    let texts = bytes + tokens + special.map(\.0)
    let types = Array(repeating: 1, count: bytes.count + tokens.count) + special.map(\.1)
    return TokenizerTables(
        subject: "test.gguf", model: "gpt2", pre: pre, tokens: StringTable(texts), tokenTypes: types, merges: StringTable(merges))
}

@Suite("Byte-level BPE") struct TokenizerTests {
    @Test("merges by rank, and from the left")
    func merging() throws {
        let tokenizer = try Tokenizer(tables: tables(tokens: ["aa", "aaa", "bc", "ab"], merges: ["b c", "a a", "aa a", "a b"]))
        #expect(tokenizer.encode("aaaa") == [256, 256])
        #expect(tokenizer.encode("aaa") == [257])
        #expect(tokenizer.encode("abc") == [97, 258])
        #expect(tokenizer.encode("ab") == [259])
    }

    /// The definition, literally: the best pair of the whole word is merged, again and again.
    private func reference(_ tokens: [UInt32], _ table: MergeTable) -> [UInt32] {
        var tokens = tokens
        while tokens.count > 1 {
            let merges = zip(tokens, tokens.dropFirst()).map { table.merge($0, $1) }
            guard let best = merges.min(), best != MergeTable.none else { break }
            let at = merges.firstIndex(of: best)!
            tokens.replaceSubrange(at...at + 1, with: [UInt32(truncatingIfNeeded: best)])
        }
        return tokens
    }

    @Test("merges short and long pieces as the definition says")
    func mergerAgreement() throws {
        // Merges whose ranks are not in the order in which the tokens are made.
        let merges = ["ab a", "a b", "b a", "aa b", "a a", "aab aab", "b b", "ba ba", "bb aa"]
        let tokens = merges.map { $0.split(separator: " ").joined() }
        let source = tables(tokens: Array(Set(tokens)).sorted(), merges: merges)
        let vocabulary = try Vocabulary(texts: source.tokens, kinds: Array(repeating: .normal, count: source.tokens.count), subject: "test")
        let table = try MergeTable(source.merges, vocabulary, subject: "test")
        let merger = PairMerger(table)
        var state: UInt64 = 1
        for length in Array(1...60) + [100, 300, 1000] {
            for _ in 0..<20 {
                let word = (0..<length).map { _ -> UInt32 in
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return state >> 40 & 3 == 0 ? 98 : 97
                }
                let (a, b) = (UInt32(vocabulary.id("a")!), UInt32(vocabulary.id("b")!))
                let ids = word.map { $0 == 97 ? a : b }
                merger.reserve(length)
                for (i, id) in ids.enumerated() { merger.tokens[i] = id }
                let count = merger.merge(length)
                #expect(Array(UnsafeBufferPointer(start: merger.tokens, count: count)) == reference(ids, table))
            }
        }
    }

    @Test("takes n log n steps for one long word", .timeLimit(.minutes(1)))
    func longWords() throws {
        let tokenizer = try Tokenizer(tables: tables(tokens: ["aa", "aaaa", "ĠĠ", "ĠĠĠĠ"], merges: ["a a", "aa aa", "Ġ Ġ", "ĠĠ ĠĠ"]))
        let count = 2_000_000
        #expect(tokenizer.ids(Array(repeating: 0x61, count: count)) == Array(repeating: 257, count: count / 4))
        #expect(tokenizer.ids(Array(repeating: 0x20, count: count)) == Array(repeating: 259, count: count / 4))
        #expect(tokenizer.ids(Array(repeating: 0x0A, count: count)).count == count)
    }

    @Test("keeps any bytes")
    func anyBytes() throws {
        let tokenizer = try Goldens.tokenizer("llama3")
        var state: UInt64 = 5
        for length in 0..<400 {
            let bytes = (0..<length).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1
                return UInt8(truncatingIfNeeded: state >> 33)
            }
            let ids = tokenizer.ids(bytes)
            #expect(try tokenizer.decodeBytes(ids) == bytes)
            var stream = tokenizer.streamDecoder()
            #expect(ids.map { stream.push($0) }.joined() + stream.finish() == String(decoding: bytes, as: UTF8.self))
        }
    }

    @Test("gives the same ids in any company: the cache of words changes nothing")
    func cache() throws {
        let tokenizer = try Goldens.tokenizer("gpt2")
        let texts = try Goldens.texts().filter { !$0.isEmpty }
        for text in texts {
            // Twice in one call, the second time from the cache.
            let once = tokenizer.encode(text + "\n", addSpecial: false, parseSpecial: true)
            let marked = "<|begin|>" + text + "\n<|begin|>" + text + "\n"
            let begin = tokenizer.id(ofToken: "<|begin|>")!
            #expect(tokenizer.encode(marked, addSpecial: false, parseSpecial: true) == [begin] + once + [begin] + once)
        }
    }

    @Test("encodes on many threads at once")
    func threads() async throws {
        let tokenizer = try Goldens.tokenizer("smollm")
        let text = try Goldens.texts().joined(separator: " ")
        let expected = tokenizer.encode(text)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { (0..<20).allSatisfy { _ in tokenizer.encode(text) == expected } } }
            for await agrees in group { #expect(agrees) }
        }
    }

    @Test("adds BOS and EOS as the file says")
    func edges() throws {
        var source = tables(special: [("<s>", 3), ("</s>", 3)])
        (source.bos, source.eos) = (256, 257)
        #expect(try Tokenizer(tables: source).encode("a") == [97])
        (source.addsBOS, source.addsEOS) = (true, true)
        let tokenizer = try Tokenizer(tables: source)
        #expect(tokenizer.encode("") == [256, 257] && tokenizer.encode("", addSpecial: false).isEmpty)
        #expect(tokenizer.addsBOS && tokenizer.isSpecial(256) && !tokenizer.isSpecial(97) && !tokenizer.isSpecial(258))
        #expect(tokenizer.endOfGenerationIDs == [257])
        #expect(try tokenizer.decode([256, 97, 257]) == "a")
        #expect(try tokenizer.decode([256, 97, 257], skipSpecial: false) == "<s>a</s>")
    }

    @Test("matches user-defined tokens always, control tokens when asked, the longest first")
    func specialTokens() throws {
        let tokenizer = try Tokenizer(tables: tables(special: [("<x>", 3), ("<xy>", 4), ("<xy><z>", 4), ("<é>", 4)]))
        #expect(tokenizer.encode("<xy>") == [257])
        #expect(tokenizer.encode("<xy><z><xy>") == [258, 257])
        #expect(!tokenizer.encode("<x>").contains(256))
        #expect(tokenizer.encode("<x>", parseSpecial: true) == [256])
        #expect(try tokenizer.decode(tokenizer.encode("<é>")) == "<é>")
    }

    static let damages: [(String, @Sendable (inout TokenizerTables) -> Void)] = [
        ("merge 0", { $0.merges = StringTable(["a"]) }),
        ("merge 0", { $0.merges = StringTable(["a b"]) }),
        (
            "token 256",
            {
                $0.tokens.append("a".utf8); $0.tokenTypes.append(1)
            }
        ),
        ("token_type", { $0.tokenTypes.removeLast() }),
        ("token_type: token 7 is of type 77", { $0.tokenTypes[7] = 77 }),
        ("token_type: token 255 is of type -1", { $0.tokenTypes[255] = -1 }),
        (
            "merges: there are none, and token 256, \"ab\"",
            {
                $0.tokens.append("ab".utf8); $0.tokenTypes.append(1)
            }
        ),
        ("bos_token_id", { $0.bos = 256 }),
        ("eos_token_id", { $0.eos = -1 }),
        ("add_bos_token", { $0.addsBOS = true }),
        ("tokenizer.ggml.pre", { $0.pre = "no-such" }),
        ("tokenizer.ggml.model", { $0.model = "rwkv" }),
        (
            "0 tokens",
            {
                $0.tokens = StringTable(); $0.tokenTypes = []
            }
        ),
        (
            "byte",
            {
                $0.tokens = StringTable(["xyz"]); $0.tokenTypes = []
            }
        ),
    ]

    @Test("says what is wrong with tables", arguments: damages)
    func errors(mention: String, change: @Sendable (inout TokenizerTables) -> Void) {
        var source = tables()
        change(&source)
        do {
            _ = try Tokenizer(tables: source)
            Issue.record("no error")
        } catch {
            #expect("\(error)".contains(mention) && error.subject == "test.gguf", "\(error)")
        }
    }

    @Test(
        "splits as each name in tokenizer.ggml.pre says",
        arguments: [
            ("gpt-2", "a 12345 b", ["a", " 12345", " b"]), ("smollm", "a 123", ["a", " ", "1", "2", "3"]), ("llama-bpe", "a 12345", ["a", " ", "123", "45"]),
            ("qwen2", "a 123!\n\n", ["a", " ", "1", "2", "3", "!\n\n"]), ("falcon", "a, 12345$", ["a", ",", " ", "123", "45", "$"]),
            ("deepseek-v3", "漢字kana 1234", ["漢字", "kana", " ", "123", "4"]), ("bloom", "a.b, c", ["a", ".", "b", ",", " c"]),
            ("gpt-4o", "XMLHttp'sRequest/x", ["XMLHttp's", "Request", "/x"]), ("tekken", "XMLHttp12", ["XMLHttp", "1", "2"]),
            ("deepseek-coder", "a1 b!?", ["a", "1", " b", "!?"]), ("viking", "a1.b", ["a", "1", ".", "b"]), ("exaone-moe", "ab cd12", ["ab cd", "1", "2"]),
            ("tiny_aya", "1234567", ["1", "234", "567"]), ("seed-coder", "a!\n", ["a", "!", "\n"]), ("default", "a+1234", ["a", "+", "123", "4"]),
        ])
    func recipes(name: String, text: String, expected: [String]) throws {
        let recipe = try PreTokenizerRecipe(named: name, subject: "test")
        let preTokenizer = try PreTokenizer(patterns: recipe.patterns, subject: "test")
        let found = pieces(preTokenizer, Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
        #expect(found == expected)
    }

    @Test(
        "reads all the names that it lists",
        arguments: [
            "llama3", "llama-v3", "falcon3", "pixtral", "dbrx", "smaug-bpe", "chatglm-bpe", "glm4", "minicpm5", "phi-2", "modern-bert", "mpt", "olmo", "jais",
            "starcoder",
            "refact", "command-r", "qwen35", "stablelm2", "grok-2", "ufakzeka", "laguna", "deepseek-llm", "hunyuan-dense", "poro-chat", "llama4", "youtu",
            "bailingmoe",
            "jais-2", "chameleon",
        ])
    func names(name: String) throws {
        let recipe = try PreTokenizerRecipe(named: name, subject: "test")
        _ = try PreTokenizer(patterns: recipe.patterns, subject: "test")
    }
}

@Suite("Stream decoder") struct StreamDecoderTests {
    /// The ids of the bytes in `tables()`.
    private func push(_ decoder: inout StreamDecoder, _ bytes: [UInt8]) -> [String] { bytes.map { decoder.push(Int32($0)) } }

    @Test("waits for whole characters")
    func characters() throws {
        let tokenizer = try Tokenizer(tables: tables())
        var decoder = tokenizer.streamDecoder()
        #expect(push(&decoder, Array("aé€😀".utf8)) == ["a", "", "é", "", "", "€", "", "", "", "😀"])
        #expect(decoder.finish() == "")
    }

    @Test("gives U+FFFD for what cannot become a character")
    func malformed() throws {
        let tokenizer = try Tokenizer(tables: tables())
        var decoder = tokenizer.streamDecoder()
        #expect(push(&decoder, [0xFF, 0x80, 0xC3, 0x41, 0xE2, 0x82, 0x41]) == ["\u{FFFD}", "\u{FFFD}", "", "\u{FFFD}A", "", "", "\u{FFFD}A"])
        #expect(push(&decoder, [0xED, 0xA0, 0xF0, 0x9F]) == ["", "\u{FFFD}\u{FFFD}", "", ""])
        #expect(decoder.finish() == "\u{FFFD}" && decoder.finish() == "")
    }

    @Test("leaves out special tokens and ids outside the vocabulary")
    func special() throws {
        let tokenizer = try Tokenizer(tables: tables(special: [("<end>", 3)]))
        var decoder = tokenizer.streamDecoder()
        #expect(decoder.push(256) == "" && decoder.push(-1) == "" && decoder.push(300) == "")
        var showing = tokenizer.streamDecoder(skipSpecial: false)
        #expect(showing.push(256) == "<end>")
    }
}
