import ApusBase
import Glibc
import Testing

/// `apus tokenizer train`.
@Suite struct TokenizerTests {
    private final class Folder {
        let path: String

        init() {
            var template = Array("/tmp/apus-tokenizer-XXXXXX".utf8CString)
            path = String(cString: mkdtemp(&template))
        }

        deinit {
            for folder in ["/bpe/", "/wordpiece/", "/a/unigram/"] { unlink(path + folder + "tokenizer.json") }
            for folder in ["/bpe", "/wordpiece", "/a/unigram", "/a", ""] { rmdir(path + folder) }
        }
    }

    private let text = goldens + "/trainers/text.txt"
    private let folder = Folder()

    @Test(arguments: [("bpe", "/bpe"), ("wordpiece", "/wordpiece"), ("unigram", "/a/unigram/")])
    func trains(kind: String, out: String) throws {
        let out = folder.path + out
        let train = ["tokenizer", "train", "--kind", kind, "--vocab-size", "1000", "--files", text, text, "--out", out, "--output", "json"]
        let result = try apus(train).json()
        #expect(result.keys == ["vocab_size", "seconds"] && result["vocab_size"]?.int == 1000)
        let ids = try apus("tokenize", "--model", out, "--text", "Hello, world!", "--no-special", "--output", "json").json()["ids"]?.array ?? []
        #expect(!ids.isEmpty)
        let list = ids.map { String($0.int!) }.joined(separator: ",")
        let back = try apus("detokenize", "--model", out, "--ids", list, "--output", "json").json()["text"]?.string
        #expect(back == (kind == "wordpiece" ? "hello, world!" : "Hello, world!"))
        // What is there stays.
        let again = try apus(train)
        #expect(again.code == 1 && again.errors.contains("is there already"))
    }

    @Test func failuresLeaveNothing() throws {
        let out = folder.path + "/x/y"
        let result = try apus("tokenizer", "train", "--kind", "bpe", "--vocab-size", "100", "--files", text, "--out", out)
        #expect(result.code == 1 && result.errors.contains("100 tokens are fewer than the 257"))
        #expect(!fileExists(folder.path + "/x"))
        let file = try apus("tokenizer", "train", "--kind", "bpe", "--vocab-size", "300", "--files", text, "--out", text)
        #expect(file.code == 1 && file.errors.contains("cannot be made"))
    }

    @Test(arguments: [
        ["--kind", "words"], ["--kind", "bpe", "--vocab-size", "0"], ["--kind", "bpe", "--min-frequency", "0"], ["--kind", "unigram", "--min-frequency", "3"],
        ["--kind", "bpe", "--threads", "0"],
    ])
    func wrongUsage(options: [String]) throws {
        let size = options.contains("--vocab-size") ? [] : ["--vocab-size", "300"]
        let result = try apus(["tokenizer", "train", "--files", text, "--out", folder.path + "/z"] + size + options)
        #expect(result.code == 2 && result.output.isEmpty)
    }
}
