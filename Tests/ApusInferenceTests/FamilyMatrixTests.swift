import ApusBase
import ApusCheckpoints
import ApusLayers
import ApusModels
import ApusTensor
import Testing

@testable import ApusInference

/// Every family with weights of every kind, its prompt in one piece, in chunks, token by token and beside others. The logits of f32 are
/// those of transformers (Tests/Goldens/make_matrix.py).
@Suite(.serialized) struct FamilyMatrixTests {
    static let families = [
        "llama", "mistral", "qwen2", "qwen3",
        "gpt2", "gptj", "gpt_neox", "opt", "bloom", "falcon",
        "gemma", "gemma2", "gemma3",
        "glm", "glm4", "chatglm", "chatglm2",
        "phi3", "starcoder2", "xglm",
    ]

    /// A type that weights are kept in, and how far logits may be off, relative to their range: the weights are exact in bf16. Q8_0 rounds
    /// weights and activations to 8 bits each, which models as narrow as these show.
    struct Kind: CustomTestStringConvertible, Sendable {
        let type: DType, tolerance: Float
        var testDescription: String { "\(type)" }
    }

    static let kinds = [Kind(type: .f32, tolerance: 1e-4), Kind(type: .bf16, tolerance: 1e-2), Kind(type: .q8_0, tolerance: 5e-2)]

    private let backend = CPUBackend(threads: 2)!

    private func load(_ family: String, _ kind: Kind) throws -> (model: Decoder, sequences: [[Int32]], wanted: [[Float]]) {
        let path = GoldenLogitsTests.folder + "matrix/" + family
        let expected = try SafetensorsCheckpoint(path: path + "/expected.safetensors")
        let sequences = try #require(try JSON(contentsOf: path + "/ids.json").array).map { $0.array!.map { Int32($0.int!) } }
        var wanted: [[Float]] = []
        for index in sequences.indices {
            let entry = try #require(expected.entry("logits.\(index)"))
            var values = [Float](repeating: 0, count: entry.elementCount)
            try values.withUnsafeMutableBytes { try expected.read(entry, from: 0, into: $0) }
            wanted.append(values)
        }
        return (try Decoder.load(ModelSource(path: path), on: backend, dtype: kind.type), sequences, wanted)
    }

    private func logits(_ stream: TokenStream, _ ids: some Collection<Int32>) throws -> [Float] {
        var all: [Float] = []
        try stream.appendAll(Array(ids)) { _, rows in for row in 0..<rows.count { all += Array(rows[row]) } }
        return all
    }

    /// What has to run together: a context that sees itself in both directions, and the token behind it.
    private func context(_ model: Decoder, _ ids: [Int32]) -> InfillingContext {
        model.description.infilling.map { InfillingContext(of: ids, $0) } ?? .none
    }

    @Test(arguments: families, kinds) func agreesHoweverThePromptIsCut(family: String, kind: Kind) throws {
        let (model, sequences, wanted) = try load(family, kind), cacheType = model.preferredCacheType
        for (ids, wanted) in zip(sequences, wanted) {
            let whole = try logits(TokenStream(model, positions: ids.count, cacheType: cacheType), ids)
            let range = wanted.max()! - wanted.min()!, error = zip(wanted, whole).map { abs($0 - $1) }.max()!
            #expect(whole.count == wanted.count && error <= kind.tolerance * range, "\(error / range)")
            for step in [1, 5] {
                let stream = try TokenStream(model, positions: ids.count, cacheType: cacheType)
                var cut = try logits(stream, ids[..<min(ids.count, max(step, context(model, ids).length + 1))])
                while stream.ids.count < ids.count { cut += try logits(stream, ids[stream.ids.count...].prefix(step)) }
                #expect(cut == whole, "\(step) at a time")
            }
        }
    }

    /// Sequences of unequal lengths that run together, then go on together by a token.
    @Test(arguments: families, kinds) func agreesBesideOtherSequences(family: String, kind: Kind) throws {
        let (model, sequences, _) = try load(family, kind)
        let together = try inputs(model, sequences), alone = try inputs(model, sequences)
        #expect(run(model, together) == alone.flatMap { run(model, [$0]) })
        #expect(run(model, together.map(next)) == alone.flatMap { run(model, [next($0)]) })
    }

    /// The last block runs for the tokens alone whose logits are wanted.
    @Test(arguments: families, kinds) func agreesWhereOtherTokensAreNotWanted(family: String, kind: Kind) throws {
        let (model, sequences, _) = try load(family, kind)
        let every = try inputs(model, sequences)
        var some = try inputs(model, sequences)
        for (i, input) in some.enumerated() {
            let last = input.ids.count - 1
            some[i].logits = [last..<last + 1, 1..<last, 0..<0][i % 3]
        }
        let width = model.description.vocabularySize, all = run(model, every)
        var wanted: [Float] = [], first = 0
        for input in some {
            wanted += all[(first + input.logits.lowerBound) * width..<(first + input.logits.upperBound) * width]
            first += input.ids.count
        }
        #expect(run(model, some) == wanted)
        #expect(run(model, some.map(next)) == run(model, every.map(next)))
        #expect(run(model, try inputs(model, sequences).map { none($0) }).isEmpty)
    }

    private func inputs(_ model: Decoder, _ sequences: [[Int32]]) throws -> [SequenceInput] {
        try (sequences + [Array(sequences[0].dropLast(3))]).map { ids in
            SequenceInput(
                ids: ids, position: 0, cache: try KeyValueCache(model, positions: 64, dtype: model.preferredCacheType),
                infilling: context(model, ids), logits: 0..<ids.count)
        }
    }

    private func next(_ input: SequenceInput) -> SequenceInput {
        var next = input
        (next.ids, next.position, next.sequenceLength, next.logits) = ([11], input.ids.count, input.ids.count + 1, 0..<1)
        return next
    }

    private func none(_ input: SequenceInput) -> SequenceInput {
        var none = input
        none.logits = 0..<0
        return none
    }

    private func run(_ model: Decoder, _ inputs: [SequenceInput]) -> [Float] {
        model.forward(inputs, precision: .fine, workspace: Workspace(backend)).all
    }
}

extension Rows {
    fileprivate var all: [Float] { (0..<count).flatMap { Array(self[$0]) } }
}
