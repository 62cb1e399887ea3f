import ApusTensor

/// Buffers of intermediate results, kept from pass to pass and grown when a pass has more rows.
package final class Workspace {
    package enum Slot: Int, CaseIterable { case hidden, normed, branch, projected, attended, gateUp, angles, logits, lastRows }

    private let backend: any Backend
    private var storages: [Storage?] = Array(repeating: nil, count: Slot.allCases.count)

    package init(_ backend: any Backend) { self.backend = backend }

    /// Rows of a slot; what they hold is left from the last use.
    package func rows(_ slot: Slot, count: Int, width: Int) -> Rows {
        let byteCount = count * width * 4
        if storages[slot.rawValue].map({ $0.byteCount < byteCount }) ?? true {
            guard let storage = backend.allocate(byteCount: byteCount) else {
                fatalError("no memory for \(byteCount) bytes of activations (\(slot))")
            }
            storages[slot.rawValue] = storage
        }
        return Rows(storages[slot.rawValue]!, count: count, width: width)
    }
}
