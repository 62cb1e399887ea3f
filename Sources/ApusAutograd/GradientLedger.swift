import ApusTensor

/// What has become of the gradients of weights in a pass. Weights go by the identity of their storage.
struct GradientLedger {
    /// Operations that have yet to add to a gradient.
    private var pending: [ObjectIdentifier: Int] = [:]
    /// Gradients that nothing has been written to yet: what lies there is of no value.
    private var unwritten: Set<ObjectIdentifier> = []
    /// Gradients that the operations of a block add to, and those of the block before it.
    private var ofBlock: [Storage] = []
    private var ofLastBlock: [Storage] = []
    private var isInBlock = false
    private var lent: Set<ObjectIdentifier> = []

    /// Before a pass that writes all gradients anew.
    mutating func start(_ weights: some Sequence<ObjectIdentifier>) {
        unwritten = Set(weights)
        lent = []
    }

    /// After a pass.
    mutating func end() {
        precondition(pending.values.allSatisfy { $0 == 0 } && unwritten.isEmpty)
        pending = [:]
        (ofBlock, ofLastBlock, lent) = ([], [], [])
    }

    mutating func claim(_ weights: ObjectIdentifier, _ gradient: Storage) {
        precondition(!lent.contains(ObjectIdentifier(gradient)), "weights of two blocks whose gradient is lent")
        pending[weights, default: 0] += 1
        if isInBlock { ofBlock.append(gradient) }
    }

    /// Whether that was the last operation to add to the gradient.
    mutating func finish(_ weights: ObjectIdentifier) -> Bool {
        guard let count = pending[weights] else { return false }
        pending[weights] = count - 1
        return count == 1
    }

    /// Whether any operation has claimed the gradient in this pass.
    func isClaimed(_ weights: ObjectIdentifier) -> Bool { pending[weights] != nil }

    /// Whether nothing had been written to the gradient; now something will.
    mutating func write(_ weights: ObjectIdentifier) -> Bool { unwritten.remove(weights) != nil }

    /// Opens a block. Returns the largest piece of memory of the last block's gradients: they come when this block's activations have gone.
    mutating func openBlock() -> Storage? {
        (ofLastBlock, ofBlock, isInBlock) = (ofBlock, [], true)
        guard !unwritten.isEmpty else { return nil }
        var pieces: [(storage: Storage, parts: [Storage])] = []
        for part in ofLastBlock {
            if let index = pieces.firstIndex(where: { $0.storage.joined(with: part) != nil }) {
                pieces[index] = (pieces[index].storage.joined(with: part)!, pieces[index].parts + [part])
            } else {
                pieces.append((part, [part]))
            }
        }
        guard let largest = pieces.max(by: { $0.storage.byteCount < $1.storage.byteCount }) else { return nil }
        lent.formUnion(largest.parts.map { ObjectIdentifier($0) })
        return largest.storage
    }

    mutating func closeBlock() { isInBlock = false }
}

extension Tape {
    /// The gradient of weights, and a note that one more operation will add to it; nil where they are not trained.
    func claim(_ weights: Storage?) -> Storage? {
        guard let weights, let gradient = weightGradients[ObjectIdentifier(weights)] else { return nil }
        ledger.claim(ObjectIdentifier(weights), gradient)
        return gradient
    }

    /// Whether a product that gives the whole gradient of these weights adds to what is there, or else takes its place.
    func addsToGradients(of weights: [Storage]) -> Bool {
        let new = weights.filter { ledger.write(ObjectIdentifier($0)) }
        if new.count == weights.count { return false }
        for weights in new { setGradientToZero(ObjectIdentifier(weights)) }
        return true
    }

    /// To be called before an operation adds to a gradient.
    func prepareGradient(of weights: Storage?) {
        if let weights, ledger.write(ObjectIdentifier(weights)) { setGradientToZero(ObjectIdentifier(weights)) }
    }

    /// An operation that claimed the gradient of weights has added its part, if there was one.
    func finish(_ weights: Storage?) {
        guard let weights, ledger.finish(ObjectIdentifier(weights)) else { return }
        prepareGradient(of: weights)
        onGradient?(weights)
    }

    /// Gradients that no operation claimed are complete; where all are written anew they are zero.
    func finishGradients() {
        for weights in trainedWeights where !ledger.isClaimed(ObjectIdentifier(weights)) {
            prepareGradient(of: weights)
            onGradient?(weights)
        }
        ledger.end()
    }

    private func setGradientToZero(_ weights: ObjectIdentifier) {
        let gradient = weightGradients[weights]!
        base.fill(Rows(gradient, count: 1, width: gradient.byteCount / 4), with: 0)
    }
}
