import ApusBase
import ApusCheckpoints
import Glibc
import Testing

@testable import ApusTokenizers

/// The vocabularies with cases that llama.cpp's source package holds; scripts/fetch-test-data.sh puts them into APUS_TEST_CACHE.
enum VocabularyCases {
    static let folder: String? = {
        guard let cache = getenv("APUS_TEST_CACHE") else { return nil }
        return String(cString: cache) + "/llama.cpp-models"
    }()

    static func tokenizer(_ name: String) throws -> Tokenizer {
        try Tokenizer(tables: try tables(path: "\(folder!)/ggml-vocab-\(name).gguf"))
    }

    static func tables(path: String) throws -> TokenizerTables {
        let metadata = try GGUFFile(path: path).metadata
        let prefix = "tokenizer.ggml."
        var tables = TokenizerTables(
            subject: path, model: try metadata.string(prefix + "model") ?? "", pre: try metadata.string(prefix + "pre"),
            tokens: try metadata.strings(prefix + "tokens") ?? StringTable(), tokenTypes: try metadata.ints(prefix + "token_type") ?? [],
            merges: try metadata.strings(prefix + "merges") ?? StringTable())
        tables.bos = try metadata.int(prefix + "bos_token_id")
        tables.eos = try metadata.int(prefix + "eos_token_id")
        tables.addsBOS = try metadata.bool(prefix + "add_bos_token")
        return tables
    }

    /// The texts of a `.inp` file with the ids that its `.out` file gives for each.
    static func cases(_ name: String) throws -> [(text: [UInt8], ids: [Int32])] {
        let path = "\(folder!)/ggml-vocab-\(name).gguf"
        let texts = split(try FileReader.contents(of: path + ".inp"), at: Array("\n__ggml_vocab_test__\n".utf8))
        let lines = String(decoding: try FileReader.contents(of: path + ".out"), as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        return zip(texts, lines).map { ($0, $1.split(separator: " ").map { Int32($0)! }) }
    }

    private static func split(_ bytes: [UInt8], at separator: [UInt8]) -> [[UInt8]] {
        var parts: [[UInt8]] = []
        var start = 0
        var at = 0
        while at + separator.count <= bytes.count {
            if bytes[at..<at + separator.count].elementsEqual(separator) {
                parts.append(Array(bytes[start..<at]))
                at += separator.count
                start = at
            } else {
                at += 1
            }
        }
        return parts + [Array(bytes[start...])]
    }
}

extension Tokenizer {
    func ids(_ bytes: [UInt8], parseSpecial: Bool = false) -> [Int32] {
        bytes.withUnsafeBufferPointer { encode($0, addSpecial: false, parseSpecial: parseSpecial) }
    }
}

@Suite("llama.cpp's vocabularies", .enabled(if: VocabularyCases.folder != nil, "APUS_TEST_CACHE names no folder; see scripts/fetch-test-data.sh"))
struct LlamaCppVocabularyTests {
    static let byteLevel = [
        "command-r", "deepseek-coder", "deepseek-llm", "falcon", "gpt-2", "llama-bpe", "mpt", "qwen2", "qwen35", "refact", "starcoder",
    ]

    @Test("gives llama.cpp's ids, and the text back", arguments: byteLevel)
    func cases(name: String) throws {
        let tokenizer = try VocabularyCases.tokenizer(name)
        let cases = try VocabularyCases.cases(name)
        #expect(cases.count > 40)
        for (text, ids) in cases {
            #expect(tokenizer.ids(text) == ids, "\(String(decoding: text, as: UTF8.self).debugDescription)")
            #expect(try tokenizer.decodeBytes(ids) == text)
        }
    }

    @Test("loads the byte-level vocabularies that come without cases", arguments: ["aquila", "gpt-neox"])
    func loads(name: String) throws {
        let tokenizer = try VocabularyCases.tokenizer(name)
        let text = Array("Hello, wörld! 你好 1234\n\n  x".utf8)
        #expect(try tokenizer.decodeBytes(tokenizer.ids(text)) == text)
    }

    @Test("says what it cannot read", arguments: ["llama-spm", "bert-bge", "nomic-bert-moe", "gemma-4"])
    func otherKinds(name: String) {
        #expect(throws: InputError.self) { try VocabularyCases.tokenizer(name) }
    }
}
