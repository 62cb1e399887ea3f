import ApusBase
import ApusCheckpoints
import ApusModels
import ApusTensor
import Testing

@testable import ApusInference

/// Logits of tiny random models against transformers in f32 (Tests/Goldens/make_llama.py).
@Suite struct GoldenLogitsTests {
    static let folder = parentFolder(parentFolder(#filePath)) + "/Goldens/llama/"
    static let names = [
        "llama-mha", "llama-gqa-tied", "llama-linear", "llama-dynamic", "llama-yarn", "llama-llama3", "llama-biases", "mistral-window",
        "qwen2-bias", "qwen3-norms",
    ]

    @Test(arguments: names, InstructionSet.allCases.filter(\.isSupported))
    func agreesWithTransformers(name: String, set: InstructionSet) throws {
        let path = Self.folder + name
        let backend = try #require(CPUBackend(threads: 2, instructionSet: set))
        let model = try Decoder.load(ModelSource(path: path), on: backend)
        let expected = try SafetensorsCheckpoint(path: path + "/expected.safetensors")
        let sequences = try #require(try JSON(contentsOf: path + "/ids.json").array)
        for (index, sequence) in sequences.enumerated() {
            let ids = sequence.array!.map { Int32($0.int!) }
            let entry = try #require(expected.entry("logits.\(index)"))
            var wanted = [Float](repeating: 0, count: entry.elementCount)
            try wanted.withUnsafeMutableBytes { try expected.read(entry, from: 0, into: $0) }
            var actual: [Float] = []
            _ = try Score.of(ids, model: model, backend: backend, cacheType: .f32) { _, rows in
                for row in 0..<rows.count { actual += Array(rows[row]) }
            }
            let range = wanted.max()! - wanted.min()!
            let error = zip(wanted, actual).map { abs($0 - $1) }.max()!
            #expect(actual.count == wanted.count && error <= 1e-4 * range, "\(name): \(error) of \(range)")
        }
    }
}
