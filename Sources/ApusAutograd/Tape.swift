import ApusTensor

/// A backend that runs what a model asks for on another one, remembers it, and goes back over it for the gradients (reverse-mode
/// differentiation, Linnainmaa 1970). The model is the one that answers and serves: it knows nothing of this.
///
/// Matrices that have a gradient are `PackedMatrix.isTrained`. Whatever the backward pass needs is kept in `type`, and the forward pass goes
/// on with what is kept: so an operation that is run again gives the same bits.
package final class Tape {
    /// What is kept of a block's activations, and what is run again in the backward pass.
    package enum Recompute: String, Sendable, CaseIterable {
        /// Everything is kept.
        case none
        /// Norms, activations and gates are run again (Korthikanti et al. 2022; FlashAttention keeps no scores as it is).
        case selective
        /// Only the blocks' inputs are kept (Chen et al. 2016).
        case full
    }

    package let base: any TrainingBackend
    /// What products are computed in and activations kept in: f32, bf16 or f16.
    package let type: DType
    package let recompute: Recompute
    /// Of each storage of weights that is trained.
    let weightGradients: [ObjectIdentifier: Storage]
    /// The storages of weights that are trained, in the order of the model.
    let trainedWeights: [Storage]
    /// Gradients of `ScoreBias.distances`, by their storage.
    private var distanceGradients: [ObjectIdentifier: Storage] = [:]
    /// Called with each storage of weights that is trained once a pass, when nothing more will be added to its gradient: in the backward pass, for a
    /// head that is nothing else as soon as the loss is known, and at the end for those that nothing was added to, in the order of the model.
    package var onGradient: ((Storage) -> Void)?
    /// Factor of the gradient of embedded tokens, e.g. 0.1 (GLM-130B, Zeng et al. 2022).
    package var embeddingGradientScale: Float = 1
    /// Of each sequence of the batch that is being recorded: the key of its random numbers for dropout. Empty: nothing is left out.
    private var dropoutKeys: [UInt64] = []
    /// Where in the model something is left out next.
    var dropoutSite: UInt32 = 0
    /// Sums up time and work of the products, if that is wanted.
    package var meter: ProductMeter?

    /// Whether what is asked for is remembered.
    var isRecording = false
    var operations: [any Operation] = []
    let arena: Arena
    var contents = KeptContents()
    private var mirrors: [ObjectIdentifier: GradientMirror] = [:]
    var ledger = GradientLedger()
    /// Keys and values that queries attend to across, by the storage of their cache.
    var memories: [ObjectIdentifier: StoreOperation] = [:]
    private var scratch: Storage?
    var logits: Storage?

    /// - Parameter parameters: what is trained; gradients are f32 and as large as the weights.
    package init(_ base: any TrainingBackend, type: DType, recompute: Recompute, parameters: [(weights: Storage, gradient: Storage)]) {
        self.base = base
        self.type = type
        self.recompute = recompute
        weightGradients = Dictionary(uniqueKeysWithValues: parameters.map { (ObjectIdentifier($0.weights), $0.gradient) })
        trainedWeights = parameters.map(\.weights)
        arena = Arena(base)
    }

    /// The most bytes of activations that were kept at once.
    package var peakKeptByteCount: Int { arena.peakByteCount }

    /// Runs a forward pass whose gradients will be wanted.
    /// - Parameters:
    ///   - replacesGradients: gradients of weights are written instead of added to what is there. Until they come, activations may lie in their
    ///     memory.
    ///   - dropoutKeys: of each sequence of the batch, the key of the random numbers of its dropout; none: nothing is left out.
    package func record<Result, Failure>(
        replacesGradients: Bool = false, dropoutKeys: [UInt64] = [], _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(!isRecording && operations.isEmpty)
        (self.dropoutKeys, dropoutSite) = (dropoutKeys, 0)
        if replacesGradients { ledger.start(weightGradients.keys) }
        isRecording = true
        defer {
            isRecording = false
            arena.borrow(nil)
        }
        do throws(Failure) {
            return try body()
        } catch {
            ledger = GradientLedger()
            forget()
            throw error
        }
    }

    /// Runs a forward pass whose gradients will not be wanted.
    package func evaluate<Result, Failure>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        precondition(!isRecording && operations.isEmpty)
        defer { forget() }
        return try body()
    }

    /// Goes back over what was recorded: adds to the gradients of the weights, or writes them, and forgets it.
    package func backward() {
        runBack()
        finishGradients()
        forget()
    }

    private func forget() {
        operations = []
        contents = KeptContents()
        memories = [:]
        dropoutKeys = []
        for mirror in mirrors.values { mirror.clear() }
        arena.release(to: Arena.Mark())
    }

    /// The operations from last to first.
    func runBack() {
        while let operation = operations.popLast() {
            let mark = arena.current
            operation.backward(self)
            arena.release(to: mark)
        }
    }

    // MARK: What operations use

    /// Whether something may be left out of the batch.
    var hasDropoutKeys: Bool { !dropoutKeys.isEmpty }

    /// What is left out at the next site; nil where nothing is.
    func nextDropout(rate: Float) -> Dropout? {
        guard rate > 0, hasDropoutKeys else { return nil }
        defer { dropoutSite += 1 }
        return Dropout(rate: rate, site: dropoutSite, keys: dropoutKeys)
    }

    func mirror(_ rows: Rows) -> GradientMirror {
        let key = ObjectIdentifier(rows.storage)
        if let mirror = mirrors[key] { return mirror }
        let mirror = GradientMirror(rows.storage, on: base)
        mirrors[key] = mirror
        return mirror
    }

    /// The gradient of a view; nil when it is zero.
    func gradient(_ rows: Rows) -> Rows? { mirrors[ObjectIdentifier(rows.storage)]?.existing(rows, base) }

    /// The view was written anew: what it held before gets no gradient through it.
    func clear(_ rows: Rows) { mirrors[ObjectIdentifier(rows.storage)]?.clear(rows) }

    /// Adds `factor` · `part` to the gradient of a view.
    func add(to rows: Rows, _ part: Rows, times factor: Float) {
        let (target, adds) = mirror(rows).target(rows, base)
        base.scale(part, by: factor, adding: adds ? target : nil, into: target)
    }

    /// The gradient of `ScoreBias.distances`.
    func distanceGradient(_ distances: Storage) -> Storage {
        if let gradient = distanceGradients[ObjectIdentifier(distances)] { return gradient }
        let gradient = base.allocate(byteCount: distances.byteCount, for: "gradients of distances")
        distanceGradients[ObjectIdentifier(distances)] = gradient
        return gradient
    }

    /// Rows that hold until the next call.
    func scratchRows(count: Int, width: Int) -> Rows {
        let byteCount = count * width * 4
        if scratch.map({ $0.byteCount < byteCount }) ?? true {
            scratch = base.allocate(byteCount: byteCount, for: "gradients")
        }
        return Rows(scratch!, count: count, width: width)
    }
}

/// A recorded call.
protocol Operation: AnyObject {
    /// Sends the gradient of its results on to its arguments.
    func backward(_ tape: Tape)
}
