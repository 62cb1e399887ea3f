/// Hashing of short byte strings and of numbers, by folded multiplication.
///
/// The seed is drawn per table, so that no file can be made to collide on purpose.
struct Hashing: Sendable {
    private let seed: UInt64
    private static let odd: UInt64 = 0x9E37_79B9_7F4A_7C15

    init() { seed = .random(in: .min ... .max) | 1 }

    @inline(__always) private static func folded(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    @inline(__always) func hash(_ value: UInt64) -> UInt64 {
        Self.folded(value ^ seed, Self.odd)
    }

    @inline(__always) func hash(_ a: UInt64, _ b: UInt64) -> UInt64 {
        Self.folded(a ^ seed, b ^ Self.odd)
    }

    @inline(__always) func hash(_ p: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
        let raw = UnsafeRawPointer(p)
        if count > 16 { return long(raw, count) }
        if count >= 8 {
            return hash(raw.loadUnaligned(as: UInt64.self), raw.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self) &+ UInt64(count))
        }
        if count >= 4 {
            let low = UInt64(raw.loadUnaligned(as: UInt32.self))
            return hash(low << 32 | UInt64(raw.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)), UInt64(count))
        }
        if count == 0 { return seed }
        return hash(UInt64(p[0]) << 16 | UInt64(p[count / 2]) << 8 | UInt64(p[count - 1]), UInt64(count))
    }

    private func long(_ raw: UnsafeRawPointer, _ count: Int) -> UInt64 {
        var state = seed &+ UInt64(count)
        var at = 0
        while at + 16 < count {
            state = Self.folded(
                raw.loadUnaligned(fromByteOffset: at, as: UInt64.self) ^ state,
                raw.loadUnaligned(fromByteOffset: at + 8, as: UInt64.self) ^ Self.odd)
            at += 16
        }
        return Self.folded(
            raw.loadUnaligned(fromByteOffset: count - 16, as: UInt64.self) ^ state,
            raw.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self) ^ Self.odd)
    }
}
