import ApusTensor

/// The keys and values of one sequence, layer by layer.
package protocol KeyValueStore: AnyObject {
    func layer(_ index: Int) -> LayerCache
}

/// The keys and values of an encoded text, for each layer of a decoder.
package struct Memory {
    package let store: any KeyValueStore
    /// Tokens of the text.
    package let length: Int
    package let dtype: DType

    package init(_ store: any KeyValueStore, length: Int, dtype: DType) {
        self.store = store
        self.length = length
        self.dtype = dtype
    }
}

/// All that a forward pass needs besides the weights: which rows belong to which sequence, where their keys and values lie, and
/// the turned positions. It is made for each pass and handed down; modules keep no state.
package struct ForwardContext {
    package let backend: any Backend
    /// Rows of the batch, a segment a sequence.
    package let segments: [Segment]
    /// One a segment.
    package let stores: [any KeyValueStore]
    /// One a segment where a decoder attends to encoded texts, all of one type.
    package let memories: [Memory]
    /// Of the rows' positions, one for each way to turn that the layers have.
    package let angles: [RotaryAngles]
    package let precision: ActivationPrecision
    package let workspace: Workspace
    /// Whether keys and values of the segments' own positions are in the caches already (`Attention.remember`).
    package let remembered: Bool

    package init(
        backend: any Backend, segments: [Segment], stores: [any KeyValueStore], memories: [Memory] = [], angles: [RotaryAngles],
        precision: ActivationPrecision, workspace: Workspace, remembered: Bool = false
    ) {
        self.backend = backend
        self.segments = segments
        self.stores = stores
        self.memories = memories
        self.angles = angles
        self.precision = precision
        self.workspace = workspace
        self.remembered = remembered
    }

    package func caches(layer: Int) -> [LayerCache] { stores.map { $0.layer(layer) } }
}
