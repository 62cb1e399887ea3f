import ApusBase
import ApusDescription
import ApusTensor
import Glibc
import Testing

@testable import ApusCheckpoints
@testable import ApusInference
@testable import ApusModels

/// Shapes of real models, which take gigabytes: APUS_TEST_LARGE=1, `make soak`.
@Suite(.serialized, .enabled(if: getenv("APUS_TEST_LARGE") != nil)) struct LayerShapeTests {
    /// One layer behind 64 words, against PyTorch (Tests/Goldens/make_layers.py).
    @Test(arguments: ["llama-7b", "falcon-7b", "falcon-40b", "bloom-7b1", "chatglm-6b"]) func oneLayerAgreesWithPyTorch(name: String) throws {
        let golden = try #require(try JSON(contentsOf: GoldenLogitsTests.folder + "layers.json")[name])
        var description = try #require(Preset.named(name).first).description
        description.vocabularySize = 64
        description.layers = [description.layers[0]]
        let source = try ModelSource(
            path: name, description: description, checkpoint: SyntheticCheckpoint(description), layout: .canonical(description))
        let backend = try #require(CPUBackend(threads: 2)), model = try Decoder.load(source, on: backend, dtype: .f32)
        let ids = golden["ids"]!.array!.map { Int32($0.int!) }, wanted = golden["logits"]!.array!.map { Float($0.double!) }
        var actual: [Float] = []
        _ = try Score.of(ids, model: model, backend: backend, cacheType: .f32) { _, rows in
            for row in 0..<rows.count { actual += Array(rows[row]) }
        }
        let range = wanted.max()! - wanted.min()!, error = zip(wanted, actual).map { abs($0 - $1) }.max()!
        #expect(actual.count == wanted.count && error <= 1e-4 * range, "\(name): \(error) of \(range)")
    }

    /// BLOOM-176B's embedding has 3.6 · 10⁹ elements: rows beyond 2³¹ of them are found, as inputs and as the head.
    @Test func anEmbeddingBeyond32BitsIsIndexedRight() throws {
        let rows = 250_880, width = 14336, places = [0, 1, 149_796, 149_797, 149_798, rows - 1]
        let layer = LayerDescription(
            attention: AttentionDescription(heads: 1, kvHeads: 1, headSize: 32), feedForward: FeedForwardDescription(width: 32))
        let description = DecoderDescription(
            architecture: "bloom", vocabularySize: rows, width: width, contextLength: 8, norm: .rms(epsilon: 1e-5), position: .none, layers: [layer],
            head: HeadDescription(tied: true))
        let plans = description.parameters.map { TensorPlan($0.name, $0.shape.count == 2 ? .bf16 : .f32, shape: $0.shape)! }
        var template = Array("/tmp/apus-large-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template)), path = folder + "/model.safetensors"
        defer { unlink(path); rmdir(folder) }
        // The file is a hole but for its header and these rows.
        let ordered = plans.filter { $0.dtype == .f32 } + plans.filter { $0.dtype == .bf16 }
        let header = SafetensorsHeader.bytes(ordered, metadata: JSONObject()), descriptor = open(path, O_RDWR | O_CREAT, 0o644)
        defer { close(descriptor) }
        try #require(pwrite(descriptor, header, header.count, 0) == header.count)
        try #require(ftruncate(descriptor, off_t(header.count + ordered.reduce(0) { $0 + $1.byteCount })) == 0)
        let start = header.count + ordered.prefix { $0.name != "embedding.weight" }.reduce(0) { $0 + $1.byteCount }
        for (index, row) in places.enumerated() {
            let value = UInt16(Float(index + 1).bitPattern >> 16), values = [UInt16](repeating: value, count: width)
            let count = values.withUnsafeBytes { pwrite(descriptor, $0.baseAddress!, $0.count, off_t(start + row * width * 2)) }
            try #require(count == width * 2)
        }
        let source = try ModelSource(
            path: path, description: description, checkpoint: SafetensorsCheckpoint(path: path), layout: .canonical(description))
        let backend = try #require(CPUBackend(threads: 2)), model = try Decoder.load(source, on: backend)
        let storage = try #require(backend.allocate(byteCount: (places.count * width + rows) * 4))
        let found = Rows(storage, count: places.count, width: width)
        backend.embed(places.map { Int32($0) }, model.embedding.matrix, into: found)
        for index in places.indices { #expect(found[index].allSatisfy { $0 == Float(index + 1) }, "row \(places[index])") }
        let logits = Rows(storage, offset: places.count * width, count: 1, width: rows)
        backend.linear(found.rows(0..<1), [model.head.product(into: logits)], .fine)
        for row in 0..<rows where logits[0][row] != 0 || places.contains(row) {
            #expect(logits[0][row] == places.firstIndex(of: row).map { Float(($0 + 1) * width) }, "logit \(row)")
        }
    }
}
