import ApusTensor

/// Buffers of intermediate results, kept from pass to pass and grown when a pass has more rows.
package final class Workspace {
    /// `inner` is what a sublayer makes between its input and its output: two sublayers never need it at once.
    package enum Slot: Int, CaseIterable { case hidden, normed, branch, dropped, inner, angles, logits, lastRows }

    private let backend: any Backend
    private var storages: [Storage?] = Array(repeating: nil, count: Slot.allCases.count)

    package init(_ backend: any Backend) { self.backend = backend }

    /// Rows of a slot; what they hold is left from the last use. They may lie further apart than their width, but for angles and logits.
    package func rows(_ slot: Slot, count: Int, width: Int) -> Rows {
        let stride = slot == .angles || slot == .logits ? width : Self.stride(width), byteCount = count * stride * 4
        if storages[slot.rawValue].map({ $0.byteCount < byteCount }) ?? true {
            storages[slot.rawValue] = backend.allocate(byteCount: byteCount, for: "activations (\(slot))")
        }
        return Rows(storages[slot.rawValue]!, count: count, width: width, stride: stride)
    }

    /// Elements from row to row. Where rows lie half a page apart or a multiple of it, the rows of a tile would compete for a few places of the
    /// first-level cache; a cache line more spreads them.
    package static func stride(_ width: Int) -> Int { width % 512 == 0 ? width + 16 : width }
}
