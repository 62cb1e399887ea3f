import ApusBase
import Testing

@testable import ApusTokenizers

/// Tokens drawn at random, against how often other libraries draw them.
@Suite("Subword sampling") struct SubwordSamplingTests {
    private static func sampling(_ file: String, _ number: Double) -> SubwordSampling {
        file.hasPrefix("sp-unigram") ? .unigram(smoothing: number) : .dropout(number)
    }

    @Test("draws segmentations as often as the paper's algorithm and SentencePiece", arguments: 0..<6)
    func shares(row: Int) throws {
        let row = try JSON(parsing: Goldens.bytes("sampling.json"), subject: "sampling.json").array![row]
        let (file, text, number) = (row["file"]!.string!, row["text"]!.string!, row["number"]!.double!)
        let tokenizer = try Goldens.tokenizer(file: file)
        let count = 40_000
        var counts: [[Int32]: Int] = [:]
        for seed in 0..<UInt64(count) {
            counts[try tokenizer.encode(text, sampling: Self.sampling(file, number), seed: seed, addSpecial: false), default: 0] += 1
        }
        var expected: [[Int32]: Double] = [:]
        for share in row["shares"]!.array! { expected[share.array![0].array!.map { Int32($0.int!) }] = share.array![1].double! }
        #expect(expected.count > 1)
        for (ids, share) in expected {
            let own = Double(counts[ids] ?? 0) / Double(count)
            // Four standard deviations of a share of 40 000 draws against one of 100 000.
            let tolerance = 4 * (share * (1 - share) * (1 / 40_000 + 1 / 100_000)).squareRoot() + 1e-4
            #expect(abs(own - share) <= tolerance, "\(text) \(ids): \(own) instead of \(share)")
        }
        // What is rarer than a thousandth is not in the file.
        let known = counts.reduce(0) { $0 + (expected[$1.key] == nil ? 0 : $1.value) }
        #expect(abs(Double(known) / Double(count) - expected.values.reduce(0, +)) < 0.01)
    }

    @Test("passes over no merge or over all", arguments: ["gpt2.json", "llama3.json", "hf-llama.json"])
    func noneAndAll(file: String) throws {
        let tokenizer = try Goldens.tokenizer(file: file)
        for text in ["Hello, world!", "the the  then", "naïve 中文 🙂"] {
            let plain = tokenizer.encode(text)
            #expect(try tokenizer.encode(text, sampling: .dropout(0), seed: 1) == plain || file == "llama3.json")
            let apart = try tokenizer.encode(text, sampling: .dropout(1), seed: 1, addSpecial: false)
            #expect(apart.allSatisfy { tokenizer.tokenBytes($0).count <= 4 } && apart.count > plain.count)
            #expect(try tokenizer.decode(apart) == tokenizer.decode(plain))
        }
    }

    @Test("keeps the text and gives the same ids for the same seed", arguments: ["gpt2.json", "sp-llama.model", "sp-unigram-bytes.model"])
    func seeds(file: String) throws {
        let tokenizer = try Goldens.tokenizer(file: file)
        let text = String(repeating: "These 1999 segmentations of the same words, 中文 and these 1999 straßen. ", count: 20)
        let sampling = Self.sampling(file, file.hasPrefix("sp-unigram") ? 0.01 : 0.2)
        let draws = try (0..<20).map { try tokenizer.encode(text, sampling: sampling, seed: $0, addSpecial: false) }
        #expect(Set(draws).count > 1)
        for ids in draws { #expect(try tokenizer.decode(ids) == tokenizer.decode(tokenizer.encode(text, addSpecial: false))) }
        #expect(try tokenizer.encode(text, sampling: sampling, seed: 7, addSpecial: false) == draws[7])
    }

    @Test("draws the best segmentation alone when the smoothing is large") func sharp() throws {
        let tokenizer = try Goldens.tokenizer(file: "sp-unigram.model")
        for text in try TextTokenizerTests.texts().prefix(40) {
            #expect(try tokenizer.encode(text, sampling: .unigram(smoothing: 1e6), seed: 3).count == tokenizer.encode(text).count)
        }
    }

    @Test("refuses numbers out of range and tokenizers of another kind") func refusals() throws {
        let (bpe, unigram) = (try Goldens.tokenizer(file: "gpt2.json"), try Goldens.tokenizer(file: "sp-unigram.model"))
        for number in [-0.1, 1.5, .nan] {
            #expect(throws: InputError.self) { try bpe.encode("a", sampling: .dropout(number), seed: 0) }
        }
        for number in [0, -1, .infinity, .nan] {
            #expect(throws: InputError.self) { try unigram.encode("a", sampling: .unigram(smoothing: number), seed: 0) }
        }
        #expect(throws: InputError.self) { try bpe.encode("a", sampling: .unigram(smoothing: 1), seed: 0) }
        #expect(throws: InputError.self) { try unigram.encode("a", sampling: .dropout(0.1), seed: 0) }
        #expect(throws: InputError.self) { try Goldens.tokenizer(file: "hf-bert.json").encode("a", sampling: .dropout(0.1), seed: 0) }
    }

    @Test("takes linear time for one letter", .timeLimit(.minutes(1)), arguments: ["gpt2.json", "sp-llama.model", "sp-unigram.model"])
    func longWord(file: String) throws {
        let tokenizer = try Goldens.tokenizer(file: file)
        let text = Array(repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(try tokenizer.encode(text, sampling: Self.sampling(file, 0.3), seed: 1).count > 10_000)
    }
}
