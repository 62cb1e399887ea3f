/// Which code points stand beside each other in the tokens of a vocabulary.
///
/// No token reaches over two code points that stand beside each other in none, so text falls apart there into words that are encoded
/// one by one with the same result as all at once; and words repeat. A pair may be taken for known by mistake (a set of hashes),
/// which only makes a word longer.
final class AdjacentPairs: @unchecked Sendable {
    /// Pairs of ASCII characters and U+2581, which stands for a space in most vocabularies.
    private let common: UnsafeMutablePointer<UInt8>
    private let others: UnsafeMutablePointer<UInt64>
    private let bitMask: UInt32
    private let wordCount: Int
    private static let side = 129

    init(_ vocabulary: Vocabulary, where isIncluded: (Int) -> Bool) {
        var bits = 1 << 12
        while bits < vocabulary.count * 16, bits < 1 << 28 { bits *= 2 }
        bitMask = UInt32(bits - 1)
        wordCount = bits / 64
        common = .allocate(capacity: Self.side * Self.side)
        common.initialize(repeating: 0, count: Self.side * Self.side)
        others = .allocate(capacity: wordCount)
        others.initialize(repeating: 0, count: wordCount)
        for id in 0..<vocabulary.count where isIncluded(id) { add(vocabulary.text(id)) }
    }

    deinit {
        common.deallocate()
        others.deallocate()
    }

    private func add(_ text: UnsafeBufferPointer<UInt8>) {
        guard let base = text.baseAddress, text.count > 1 else { return }
        let end = base + text.count
        var p = base
        var last = UTF8Scanning.scalar(p, end)
        p += last.length
        while p < end {
            let next = UTF8Scanning.scalar(p, end)
            let (a, b) = (Self.code(last.value), Self.code(next.value))
            if a < Self.side, b < Self.side {
                common[a * Self.side + b] = 1
            } else {
                let bit = hash(last.value, next.value)
                others[Int(bit >> 6)] |= 1 << UInt64(bit & 63)
            }
            last = next
            p += next.length
        }
    }

    @inline(__always) private static func code(_ value: UInt32) -> Int {
        value < 128 ? Int(value) : value == 0x2581 ? 128 : side
    }

    @inline(__always) private func hash(_ a: UInt32, _ b: UInt32) -> UInt32 {
        let mixed = (UInt64(a) << 21 | UInt64(b)) &* 0x9E37_79B9_7F4A_7C15
        return UInt32(truncatingIfNeeded: mixed >> 34) & bitMask
    }

    @inline(__always) private func joins(_ a: UInt32, _ b: UInt32) -> Bool {
        let (first, second) = (Self.code(a), Self.code(b))
        if first < Self.side, second < Self.side { return common[first * Self.side + second] != 0 }
        let bit = hash(a, b)
        return others[Int(bit >> 6)] >> UInt64(bit & 63) & 1 != 0
    }

    /// Where the word ends that starts at `p`.
    @inline(__always)
    func wordEnd(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
        var last = UTF8Scanning.scalar(p, end)
        var p = p + last.length
        while p < end {
            let next = UTF8Scanning.scalar(p, end)
            if !joins(last.value, next.value) { return p }
            last = next
            p += next.length
        }
        return p
    }
}
