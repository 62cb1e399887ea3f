import Glibc

/// Remembers the tokens of short words during one call: text repeats most of its words.
///
/// Direct-mapped and bounded: a word replaces the one that held its slot. A slot is a cache line: 31 bytes of word and its
/// length, the number of tokens and at most seven of them.
final class WordCache {
    static let longestWord = 31
    static let mostTokens = 7

    /// The bytes of a word, padded with zeros, the length on top.
    struct Key {
        var a: UInt64 = 0
        var b: UInt64 = 0
        var c: UInt64 = 0
        var d: UInt64 = 0
    }

    private let slots: UnsafeMutableRawPointer
    private let mask: Int
    private let hashing = Hashing()

    /// - Parameter byteCount: the length of the text to come, for a cache no larger than is of use.
    init(forText byteCount: Int) {
        var count = 64
        while count < min(byteCount / 16, 1 << 15) { count *= 2 }
        mask = count - 1
        slots = UnsafeMutableRawPointer(aligned_alloc(64, count * 64)!)
        memset(slots, 0, count * 64)
    }

    deinit { free(slots) }

    /// - Precondition: `0 < count ≤ longestWord`, and at least `readable` bytes can be read at `p`.
    @inline(__always)
    static func key(_ p: UnsafePointer<UInt8>, _ count: Int, readable: Int) -> Key {
        var key = Key()
        let raw = UnsafeRawPointer(p)
        guard readable >= 32 else {
            withUnsafeMutableBytes(of: &key) { $0.copyMemory(from: UnsafeRawBufferPointer(start: p, count: count)) }
            key.d |= UInt64(count) << 56
            return key
        }
        func mask(_ bytes: Int) -> UInt64 { bytes >= 8 ? .max : 1 << UInt64(8 * bytes) &- 1 }
        key.a = raw.loadUnaligned(as: UInt64.self) & mask(count)
        if count > 8 {
            key.b = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self) & mask(count - 8)
            if count > 16 {
                key.c = raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self) & mask(count - 16)
                if count > 24 { key.d = raw.loadUnaligned(fromByteOffset: 24, as: UInt64.self) & mask(count - 24) }
            }
        }
        key.d |= UInt64(count) << 56
        return key
    }

    @inline(__always)
    func slot(_ key: Key) -> UnsafeMutableRawPointer {
        var hash = hashing.hash(key.a, key.b &+ key.d)
        if key.c != 0 { hash = hashing.hash(hash ^ key.c) }
        return slots + (Int(truncatingIfNeeded: hash) & mask) * 64
    }

    /// The number of tokens the slot holds for the word, or zero: look at `tokens(in:)`.
    @inline(__always)
    func count(in slot: UnsafeMutableRawPointer, for key: Key) -> Int {
        let words = slot.assumingMemoryBound(to: UInt64.self)
        guard words[0] == key.a, words[3] == key.d, words[1] == key.b, words[2] == key.c else { return 0 }
        return Int(slot.load(fromByteOffset: 32, as: UInt32.self))
    }

    @inline(__always)
    func tokens(in slot: UnsafeMutableRawPointer) -> UnsafePointer<Int32> {
        UnsafePointer((slot + 36).assumingMemoryBound(to: Int32.self))
    }

    func store(_ key: Key, _ tokens: UnsafePointer<UInt32>, _ count: Int, in slot: UnsafeMutableRawPointer) {
        guard count > 0, count <= Self.mostTokens else { return }
        let words = slot.assumingMemoryBound(to: UInt64.self)
        (words[0], words[1], words[2], words[3]) = (key.a, key.b, key.c, key.d)
        slot.storeBytes(of: UInt32(count), toByteOffset: 32, as: UInt32.self)
        memcpy(slot + 36, tokens, count * 4)
    }
}
