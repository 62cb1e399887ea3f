import ApusBase
import Glibc
import Testing

@testable import ApusTokenizers

/// Trainers against Hugging Face tokenizers (Tests/Goldens/make_trainers.py).
@Suite("Trainers") struct TrainingTests {
    private final class Folder {
        let path: String
        private var files: [String] = []

        init() {
            var template = Array("/tmp/apus-training-XXXXXX".utf8CString)
            path = String(cString: mkdtemp(&template))
        }

        deinit {
            for file in files { unlink(file) }
            rmdir(path)
        }

        func write(_ name: String, _ bytes: [UInt8]) throws -> String {
            let file = try AtomicFile(path: path + "/" + name)
            try file.write(bytes)
            try file.commit()
            files.append(file.path)
            return file.path
        }
    }

    private static let folder = parentFolder(Goldens.folder) + "/trainers"
    private static let text = folder + "/text.txt"
    private static let size = 1200

    private func golden(_ name: String) throws -> JSON { try JSON(contentsOf: "\(Self.folder)/\(name).json") }

    private func train(_ kind: TokenizerTrainer.Kind, _ files: [String] = [text], size: Int = size, threads: Int = 2) throws -> JSON {
        try TokenizerTrainer(kind: kind, vocabularySize: size, threads: threads).train(files: files).tokenizerJSON
    }

    private func tokens(_ file: JSON) -> [String] {
        (file["model"]?["vocab"]?.object?.members ?? []).sorted { $0.value.int! < $1.value.int! }.map(\.key)
    }

    private func load(_ file: JSON) throws -> Tokenizer { try Tokenizer(tokenizerJSON: Array(file.serialized().utf8)) }

    @Test("learn the tokens and merges of Hugging Face tokenizers", arguments: [TokenizerTrainer.Kind.bpe, .wordpiece])
    func equalsHuggingFace(kind: TokenizerTrainer.Kind) throws {
        let file = try train(kind), expected = try golden(kind.rawValue)
        #expect(tokens(file) == expected["tokens"]?.array?.map { $0.string! })
        let merges = file["model"]?["merges"]?.array?.map { pair in pair.array!.map { $0.string! }.joined(separator: " ") }
        #expect(merges == expected["merges"]?.array?.map { $0.string! })
        #expect(try load(file).vocabularySize == expected["tokens"]?.array?.count)
    }

    @Test func unigramIsAsGood() throws {
        let expected = try golden("unigram"), file = try train(.unigram)
        let tokenizer = try load(file)
        let scores = file["model"]!["vocab"]!.array!.map { $0.array![1].double! }
        let text = String(decoding: try FileReader.contents(of: Self.text), as: UTF8.self)
        var ids: [Int32] = []
        for line in text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false) {
            ids += tokenizer.encode(String(line), addSpecial: false)
        }
        let characters = Double(text.unicodeScalars.count)
        let likelihood = ids.reduce(0.0) { $0 + scores[Int($1)] } / characters
        #expect(tokenizer.vocabularySize == Self.size && !ids.contains(0))
        #expect(likelihood > expected["log_likelihood"]!.double! - 0.02)
        #expect(Double(ids.count) / characters < expected["tokens"]!.double! + 0.005)
    }

    @Test("do not depend on threads, or on how the text lies in files", arguments: TokenizerTrainer.Kind.allCases)
    func isDeterministic(kind: TokenizerTrainer.Kind) throws {
        let folder = Folder()
        // More than one stretch, in one file and in three cut at lines.
        let bytes = try FileReader.contents(of: Self.text) + [0x0A]
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast()
        func joined(_ lines: some Sequence<ArraySlice<UInt8>>) -> [UInt8] { lines.flatMap { $0 + [0x0A] } }
        let times = (1 << 21) / bytes.count + 1
        let whole = try folder.write("whole", Array(repeatElement(bytes, count: times).joined()))
        let third = lines.count / 3
        let thirds = try [lines.prefix(third), lines.dropFirst(third).prefix(third), lines.dropFirst(2 * third)].enumerated().map { index, part in
            try folder.write("part\(index)", Array(repeatElement(joined(part), count: times).joined()))
        }
        let one = try train(kind, [whole], threads: 1)
        #expect(try train(kind, thirds.reversed(), threads: 3) == one)
    }

    @Test func longWordsAreLearntFrom() throws {
        // No double holds the probability of such a word.
        let folder = Folder()
        var generator = SplitMix64(seed: 4)
        let word = (0..<50_000).map { _ in UInt8(ascii: "a") + UInt8.random(in: 0..<20, using: &generator) }
        let file = try train(.unigram, [try folder.write("word", word + [0x0A] + Array("abc abd abe".utf8)), Self.text], size: 600)
        let scores = file["model"]!["vocab"]!.array!.map { $0.array![1].double! }
        #expect(scores.count == 600 && scores.allSatisfy { $0.isFinite && $0 <= 0 })
        #expect(try load(try train(.bpe, [folder.path + "/word"], size: 300)).vocabularySize == 300)
    }

    @Test func smallTextsGiveFewTokens() throws {
        let folder = Folder()
        let empty = try folder.write("empty", []), few = try folder.write("few", Array("aa aa\nbb".utf8))
        #expect(tokens(try train(.bpe, [empty])).count == 257)
        #expect(tokens(try train(.bpe, [few])).last == "aa")
        #expect(tokens(try train(.wordpiece, [few])) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##a", "##b", "aa"])
        #expect(throws: InputError.self) { try train(.unigram, [empty]) }
    }

    @Test func refusals() throws {
        let folder = Folder()
        let binary = try folder.write("binary", Array(repeating: 0x61, count: 3000) + [0xFF, 0x0A])
        func error(_ body: () throws -> Void) -> String {
            do { try body() } catch { return "\(error)" }
            return ""
        }
        #expect(error { _ = try train(.bpe, [binary]) } == "\(binary), at byte 3000: is not UTF-8; give files of text in UTF-8")
        #expect(error { _ = try train(.bpe, [folder.path + "/none"]) }.contains("cannot be opened"))
        #expect(error { _ = try train(.bpe, size: 256) }.contains("256 tokens are fewer than the 257"))
        #expect(error { _ = try train(.wordpiece, size: 20) }.contains("20 tokens are fewer than"))
        #expect(error { _ = try train(.unigram, size: 20) }.contains("20 tokens are fewer than"))
        for special in ["", "<|endoftext|>"] {
            let trainer = TokenizerTrainer(kind: .bpe, vocabularySize: 300, specialTokens: [special])
            #expect(error { _ = try trainer.train(files: [Self.text]) }.contains("special tokens, at token 0"))
        }
    }

    @Test func specialTokensFollow() throws {
        let trained = try TokenizerTrainer(kind: .unigram, vocabularySize: 500, specialTokens: ["<a>", "the"]).train(files: [Self.text])
        let tokenizer = try load(trained.tokenizerJSON)
        #expect(["<unk>", "<s>", "</s>", "<a>", "the"].map { tokenizer.id(ofToken: $0) } == [0, 1, 2, 3, 4])
        #expect(trained.vocabularySize == 500)
        #expect(tokenizer.encode("<a>", addSpecial: false, parseSpecial: true) == [3])
    }
}
