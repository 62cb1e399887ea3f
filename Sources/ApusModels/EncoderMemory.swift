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
    public init(_ model: Decoder, encoding ids: [Int32], cacheType: DType) throws(InputError) {
        guard let encoder = model.encoder else {
            throw InputError("the model", "\(model.description.architecture) has no encoder", remedy: "give the text to the decoder")
        }
        let workspace = Workspace(model.backend), encoded = try encoder.encode([ids], cacheType: cacheType, workspace: workspace)
        var layers: [LayerCache] = []
        for attention in model.blocks.compactMap(\.crossAttention) {
            guard let cache = model.backend.makeCache(attention.shape(cacheType: cacheType), positions: ids.count) else {
                throw InputError("the key-value cache", "no memory for a text of \(ids.count) tokens", remedy: "give a shorter text")
            }
            attention.remember(encoded, in: cache, cacheType: cacheType, .fine, workspace, model.backend)
            layers.append(cache)
        }
        model.backend.synchronize()
        count = ids.count
        dtype = cacheType
        self.layers = layers
    }

    package func layer(_ index: Int) -> LayerCache { layers[index] }

    var memory: Memory { Memory(self, length: count, dtype: dtype) }
}
