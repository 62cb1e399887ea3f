import ApusBase
import ApusModels
import Glibc
import Testing

@testable import ApusTokenizers

/// The vocabularies with cases that llama.cpp's source package holds; scripts/fetch-test-data.sh puts them into APUS_TEST_CACHE.
enum VocabularyCases {
    static let folder: String? = {
        guard let cache = getenv("APUS_TEST_CACHE") else { return nil }
        return String(cString: cache) + "/llama.cpp-models"
    }()

    static func tokenizer(_ name: String) throws -> Tokenizer { try ModelSource.tokenizer(path: "\(folder!)/ggml-vocab-\(name).gguf") }

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
    static let sentencePiece = ["llama-spm", "phi-3", "gemma-4"]

    @Test("gives llama.cpp's ids, and the text back", arguments: byteLevel + sentencePiece + ["bert-bge"])
    func cases(name: String) throws {
        let tokenizer = try VocabularyCases.tokenizer(name)
        let cases = try VocabularyCases.cases(name)
        #expect(cases.count > 40)
        for (text, ids) in cases {
            #expect(tokenizer.ids(text) == ids, "\(String(decoding: text, as: UTF8.self).debugDescription)")
            if name != "bert-bge" { #expect(try tokenizer.decodeBytes(ids) == text) }
        }
    }

    @Test("loads the vocabularies that come without cases", arguments: ["aquila", "gpt-neox", "baichuan", "nomic-bert-moe"])
    func loads(name: String) throws {
        let tokenizer = try VocabularyCases.tokenizer(name)
        let text = Array("Hello, wörld! 你好 1234 x".utf8)
        let decoded = try tokenizer.decodeBytes(tokenizer.ids(text))
        // The charsmap of nomic-bert-moe changes nothing in this text.
        #expect(decoded == text)
    }
}
