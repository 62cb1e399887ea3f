import ApusBase
import ApusLayers
import ApusTensor

/// What a decoder attends to of an encoded text: keys and values of each of its layers, made once. Sequences may share it.
public final class EncoderMemory: KeyValueStore, Sendable {
    /// Tokens of the text.
    public let count: Int
    package let dtype: DType
    private let layers: [LayerCache]

    /// Encodes a text.
    /// - Parameters:
    ///   - model: a decoder with an encoder.
    ///   - ids: of the text, at least one.
    ///   - cacheType: of keys and values: f32, f16 or bf16.
    /// - Throws: an `InputError` when the model has no encoder, the text no tokens, for an id outside the vocabulary, and without memory.
    public convenience init(_ model: Decoder, encoding ids: [Int32], cacheType: DType) throws(InputError) {
        let memory = try Self.all(model, encoding: [ids], cacheType: cacheType, workspace: Workspace(model.backend))[0]
        model.backend.synchronize()
        self.init(layers: memory.layers, count: memory.count, dtype: cacheType)
    }

    private init(layers: [LayerCache], count: Int, dtype: DType) {
        self.layers = layers
        self.count = count
        self.dtype = dtype
    }

    /// Encodes texts together; the caches are those of `init`.
    static func all(
        _ model: Decoder, encoding texts: [[Int32]], cacheType: DType, workspace: Workspace
    ) throws(InputError) -> [EncoderMemory] {
        guard let encoder = model.encoder else {
            throw InputError("the model", "\(model.description.architecture) has no encoder", remedy: "give the text to the decoder")
        }
        let encoded = try encoder.encode(texts, cacheType: cacheType, workspace: workspace)
        var segments: [Segment] = [], layers = [[LayerCache]](repeating: [], count: texts.count)
        for ids in texts {
            let first = segments.last?.rows.upperBound ?? 0
            segments.append(Segment(rows: first..<first + ids.count, position: 0))
        }
        for attention in model.blocks.compactMap(\.crossAttention) {
            var caches: [LayerCache] = []
            for (index, ids) in texts.enumerated() {
                guard let cache = model.backend.makeCache(attention.shape(cacheType: cacheType), positions: ids.count) else {
                    throw InputError("the key-value cache", "no memory for a text of \(ids.count) tokens", remedy: "give a shorter text")
                }
                caches.append(cache)
                layers[index].append(cache)
            }
            attention.remember(encoded, segments, in: caches, cacheType: cacheType, .fine, workspace, model.backend)
        }
        return zip(texts, layers).map { EncoderMemory(layers: $1, count: $0.count, dtype: cacheType) }
    }

    package func layer(_ index: Int) -> LayerCache { layers[index] }

    var memory: Memory { Memory(self, length: count, dtype: dtype) }
}
