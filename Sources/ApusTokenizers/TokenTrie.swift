import ApusBase

/// The texts of tokens as a tree over bytes, its edges in one hash table. Immutable after its initialiser.
final class TokenTrie: @unchecked Sendable {
    /// Where a walk stands: a node, whether a token ends there and whether more may follow.
    typealias Node = UInt32
    static let root: Node = 0
    static let nowhere = Node.max
    private static let endsToken: Node = 1 << 31
    private static let index: Node = 0xFF_FFFF

    private struct Slot {
        /// The parent's index and the byte.
        var key: UInt32
        var node: Node
    }

    private var slots: UnsafeMutablePointer<Slot>
    private var mask: Int
    private var nodeCount = 1
    /// The token that ends at each node, or -1.
    private var ids: [Int32] = [-1]
    private static let free = UInt32.max

    init(expectedByteCount: Int) {
        var capacity = 1 << 10
        while capacity < min(expectedByteCount, 1 << 24) { capacity *= 2 }
        mask = capacity - 1
        slots = Self.table(capacity)
    }

    deinit { slots.deallocate() }

    private static func table(_ capacity: Int) -> UnsafeMutablePointer<Slot> {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
        slots.initialize(repeating: Slot(key: free, node: 0), count: capacity)
        return slots
    }

    @inline(__always) private func home(_ key: UInt32) -> Int {
        Int(truncatingIfNeeded: (UInt64(key) &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    }

    /// Follows one byte from a node.
    @inline(__always) func step(_ node: Node, _ byte: UInt8) -> Node {
        let key = (node & Self.index) << 8 | UInt32(byte)
        var slot = home(key)
        while true {
            let found = slots[slot]
            if found.key == key { return found.node }
            if found.key == Self.free { return Self.nowhere }
            slot = (slot + 1) & mask
        }
    }

    /// The token that ends at a node, or -1.
    @inline(__always) func id(at node: Node) -> Int32 {
        node & Self.endsToken == 0 ? -1 : ids.withUnsafeBufferPointer { $0[Int(node & Self.index)] }
    }

    // MARK: Building

    /// Adds a token; the first of equal texts counts.
    ///
    /// - Throws: an `InputError` for a vocabulary of more than 16 million different beginnings.
    func insert(_ text: UnsafeBufferPointer<UInt8>, _ id: Int, subject: String) throws(InputError) {
        var node = Self.root
        var lastSlot = -1
        for byte in text {
            let key = (node & Self.index) << 8 | UInt32(byte)
            var slot = home(key)
            while slots[slot].key != key, slots[slot].key != Self.free { slot = (slot + 1) & mask }
            if slots[slot].key == Self.free {
                guard nodeCount < Int(Self.index) else { throw InputError(subject, "the vocabulary has more than 16 million different beginnings of tokens") }
                if nodeCount * 4 > (mask + 1) * 3 {
                    grow()
                    slot = home(key)
                    while slots[slot].key != Self.free { slot = (slot + 1) & mask }
                }
                slots[slot] = Slot(key: key, node: UInt32(nodeCount))
                nodeCount += 1
                ids.append(-1)
            }
            node = slots[slot].node
            lastSlot = slot
        }
        guard lastSlot >= 0, node & Self.endsToken == 0 else { return }
        ids[Int(node)] = Int32(id)
        slots[lastSlot].node = node | Self.endsToken
    }

    private func grow() {
        let (old, count) = (slots, mask + 1)
        mask = count * 2 - 1
        slots = Self.table(count * 2)
        for i in 0..<count where old[i].key != Self.free {
            var slot = home(old[i].key)
            while slots[slot].key != Self.free { slot = (slot + 1) & mask }
            slots[slot] = old[i]
        }
        old.deallocate()
    }
}
