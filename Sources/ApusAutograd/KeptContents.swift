import ApusTensor

/// What was kept of the values that views hold now, so that nothing is kept twice.
struct KeptContents {
    private struct Key: Hashable {
        let offset: Int
        let count: Int
        let width: Int
        let stride: Int

        init(_ rows: Rows) { (offset, count, width, stride) = (rows.offset, rows.count, rows.width, rows.stride) }

        var extent: Range<Int> { offset..<offset + max(count - 1, 0) * stride + width }
    }

    private var entries: [ObjectIdentifier: [Key: Kept]] = [:]

    subscript(rows: Rows) -> Kept? {
        get { entries[ObjectIdentifier(rows.storage)]?[Key(rows)] }
        set { entries[ObjectIdentifier(rows.storage), default: [:]][Key(rows)] = newValue }
    }

    /// The view is about to be written.
    mutating func overwrite(_ rows: Rows) {
        let extent = Key(rows).extent, storage = ObjectIdentifier(rows.storage)
        guard let list = entries[storage] else { return }
        for key in list.keys where key.extent.overlaps(extent) { entries[storage]![key] = nil }
    }
}

/// Rows for the backward pass.
enum Kept {
    /// In memory.
    case rows(KeptRows)
    /// Made again by the operation that made them.
    case again(any Recomputable)

    /// The rows, which hold until the arena is released.
    func rows(_ tape: Tape) -> KeptRows {
        switch self {
        case .rows(let rows): rows
        case .again(let operation): operation.resultAgain(tape)
        }
    }
}

/// An operation whose result need not be kept.
protocol Recomputable: Operation {
    /// The same bits as in the forward pass, in rows that hold until the next call of `scratchRows`.
    func runAgain(_ tape: Tape) -> Rows
}

extension Recomputable {
    /// The result in the tape's type.
    func resultAgain(_ tape: Tape) -> KeptRows { tape.copy(runAgain(tape)) }
}
