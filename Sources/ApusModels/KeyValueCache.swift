import ApusBase
import ApusLayers
import ApusTensor

/// The keys and values of one sequence in one piece a layer; pages of memory are taken as positions fill.
package final class KeyValueCache: KeyValueStore {
    /// Positions it has room for.
    package let capacity: Int
    package let dtype: DType
    private let layers: [LayerCache]

    /// Of a decoder's sequence.
    package convenience init(_ model: Decoder, positions: Int, dtype: DType) throws(InputError) {
        try self.init(model.blocks.map(\.attention), positions: positions, limit: model.description.positionLimit, dtype: dtype, on: model.backend)
    }

    /// Of a text that an encoder runs: its layers are done with keys and values one after the other, and share the room.
    package convenience init(_ model: Encoder, positions: Int, dtype: DType) throws(InputError) {
        let attention = model.stack.blocks.map(\.attention)
        try self.init([attention[0]], positions: positions, limit: model.description.positionLimit, dtype: dtype, on: model.backend)
    }

    private init(_ layers: [Attention], positions: Int, limit: Int?, dtype: DType, on backend: any Backend) throws(InputError) {
        guard [.f32, .f16, .bf16].contains(dtype) else {
            throw InputError("--kv-dtype", "\(dtype) cannot hold keys and values", remedy: "use f32, f16 or bf16")
        }
        if let limit, positions > limit {
            throw InputError(
                "the key-value cache", "\(positions) positions are more than the \(limit) that the model has learned",
                remedy: "give a smaller --context or a shorter text")
        }
        var caches: [LayerCache] = []
        for attention in layers {
            guard let cache = backend.makeCache(attention.shape(cacheType: dtype), positions: positions) else {
                throw InputError("the key-value cache", "no memory for \(positions) positions", remedy: "give a smaller --context")
            }
            caches.append(cache)
        }
        capacity = positions
        self.dtype = dtype
        self.layers = caches
    }

    package func layer(_ index: Int) -> LayerCache { layers.count == 1 ? layers[0] : layers[index] }
}
