import ApusBase
import ApusLayers
import ApusTensor

/// The keys and values of one sequence in one piece a layer; pages of memory are taken as positions fill.
package final class KeyValueCache: KeyValueStore {
    /// Positions it has room for.
    package let capacity: Int
    package let dtype: DType
    private let layers: [LayerCache]

    package init(_ model: Decoder, positions: Int, dtype: DType) throws(InputError) {
        guard [.f32, .f16, .bf16].contains(dtype) else {
            throw InputError("--kv-dtype", "\(dtype) cannot hold keys and values", remedy: "use f32, f16 or bf16")
        }
        if let limit = model.description.positionLimit, positions > limit {
            throw InputError(
                "the key-value cache", "\(positions) positions are more than the \(limit) that the model has learned",
                remedy: "give a smaller --context or a shorter text")
        }
        var layers: [LayerCache] = []
        for block in model.blocks {
            guard let cache = model.backend.makeCache(block.attention.shape(cacheType: dtype), positions: positions) else {
                throw InputError("the key-value cache", "no memory for \(positions) positions", remedy: "give a smaller --context")
            }
            layers.append(cache)
        }
        capacity = positions
        self.dtype = dtype
        self.layers = layers
    }

    package func layer(_ index: Int) -> LayerCache { layers[index] }
}

extension Decoder {
    /// The element type of a cache that costs no exactness beside the model's products: f32 and f16 beside such weights. Beside bf16 weights
    /// and quantised ones, whose products round activations to 8 bits, bf16 where the processor multiplies it and f16 where it does not.
    public var preferredCacheType: DType {
        switch blocks[0].attention.key.matrix.dtype {
        case .f32: .f32
        case .f16: .f16
        default: backend.multipliesBF16 ? .bf16 : .f16
        }
    }
}
