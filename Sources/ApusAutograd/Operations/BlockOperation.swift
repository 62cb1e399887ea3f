import ApusTensor

/// A block of a model that is run again in the backward pass, from its input (Chen et al. 2016).
final class BlockOperation: Operation {
    private let hidden: Rows
    private let kept: KeptRows
    /// Where the block begins to leave something out.
    private let dropoutSite: UInt32
    private let body: () -> Void

    init(hidden: Rows, kept: KeptRows, dropoutSite: UInt32, body: @escaping () -> Void) {
        self.hidden = hidden
        self.kept = kept
        self.dropoutSite = dropoutSite
        self.body = body
    }

    func backward(_ tape: Tape) {
        let outer = tape.operations
        tape.operations = []
        tape.base.restore(kept, into: hidden)
        tape.contents = KeptContents()
        tape.contents[hidden] = .rows(kept)
        tape.dropoutSite = dropoutSite
        tape.isRecording = true
        body()
        tape.isRecording = false
        tape.runBack()
        tape.operations = outer
    }
}

extension Tape {
    /// Runs a block that updates `hidden` in place. Its input is rounded to the tape's type: what is kept is all that the block needs.
    package func block(_ hidden: Rows, _ body: @escaping () -> Void) {
        if isRecording { arena.borrow(ledger.openBlock()) }
        defer { ledger.closeBlock() }
        guard isRecording, recompute == .full else {
            if type != .f32 {
                let mark = arena.current, kept = keepRounded(hidden)
                if !isRecording { arena.release(to: mark) } else { contents[hidden] = .rows(kept) }
            }
            return body()
        }
        contents.overwrite(hidden)
        let kept = keepRounded(hidden)
        operations.append(BlockOperation(hidden: hidden, kept: kept, dropoutSite: dropoutSite, body: body))
        isRecording = false
        body()
        isRecording = true
    }
}
