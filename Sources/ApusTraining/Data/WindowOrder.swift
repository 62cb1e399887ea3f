/// An order of the numbers from 0 up to but not `count`, drawn by (seed, epoch), in no memory.
///
/// A Feistel network permutes the numbers of the least even count of bits; what falls outside goes through it again (Black and Rogaway
/// 2002, "Ciphers with arbitrary finite domains").
struct WindowOrder: Sendable {
    private let count: Int
    private let halfBits: Int
    private let keys: [UInt64]

    init(count: Int, seed: UInt64, epoch: Int, corpus: Int) {
        self.count = count
        halfBits = max(1, (Int.bitWidth - max(count - 1, 1).leadingZeroBitCount + 1) / 2)
        var random = RandomStream(seed: seed, step: epoch, sequence: corpus, site: .shuffle)
        keys = (0..<6).map { _ in random.next() }
    }

    /// The number at a place of the order.
    subscript(place: Int) -> Int {
        var value = UInt64(place)
        repeat { value = permuted(value) } while value >= UInt64(count)
        return Int(value)
    }

    private func permuted(_ value: UInt64) -> UInt64 {
        let mask = UInt64(1) << UInt64(halfBits) - 1
        var left = value >> UInt64(halfBits), right = value & mask
        for key in keys { (left, right) = (right, left ^ Self.mixed(right ^ key) & mask) }
        return left << UInt64(halfBits) | right
    }

    /// The finishing steps of MurmurHash3: every bit depends on every bit.
    private static func mixed(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ value >> 33) &* 0xFF51_AFD7_ED55_8CCD
        value = (value ^ value >> 33) &* 0xC4CE_B9FE_1A85_EC53
        return value ^ value >> 33
    }
}
