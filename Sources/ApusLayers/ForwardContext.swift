import ApusTensor

/// The keys and values of one sequence, layer by layer.
public protocol KeyValueStore: AnyObject {
    func layer(_ index: Int) -> LayerCache
}

/// All that a forward pass needs besides the weights: which rows belong to which sequence, where their keys and values lie, and
/// the turned positions. It is made for each pass and handed down; modules keep no state.
public struct ForwardContext {
    public let backend: any Backend
    /// Rows of the batch, a segment a sequence.
    public let segments: [Segment]
    /// One a segment.
    public let stores: [any KeyValueStore]
    /// `[M, pairs]`
    public let cosines: Rows
    public let sines: Rows
    public let workspace: Workspace

    public init(
        backend: any Backend, segments: [Segment], stores: [any KeyValueStore], cosines: Rows, sines: Rows, workspace: Workspace
    ) {
        self.backend = backend
        self.segments = segments
        self.stores = stores
        self.cosines = cosines
        self.sines = sines
        self.workspace = workspace
    }

    public func caches(layer: Int) -> [LayerCache] { stores.map { $0.layer(layer) } }
}
