/// One code point read from bytes that need not be UTF-8.
struct ScannedScalar {
    var value: UInt32
    var length: Int
}

/// Reads code points from bytes. A byte that starts no well-formed sequence (Unicode Standard, table 3-7) reads as
/// U+FFFD of length one, and as unassigned where categories are asked for.
enum UTF8Scanning {
    @inline(__always)
    static func scalar(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> ScannedScalar {
        let first = p[0]
        if first < 0x80 { return ScannedScalar(value: UInt32(first), length: 1) }
        return multibyteScalar(p, end)
    }

    static let invalid = ScannedScalar(value: 0xFFFD, length: 1)

    static func multibyteScalar(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> ScannedScalar {
        let available = end - p
        let first = UInt32(p[0])
        guard first >= 0xC2, available >= 2 else { return invalid }
        let second = UInt32(p[1])
        guard second & 0xC0 == 0x80 else { return invalid }
        if first < 0xE0 { return ScannedScalar(value: (first & 0x1F) << 6 | second & 0x3F, length: 2) }
        guard first < 0xF5, available >= 3, p[2] & 0xC0 == 0x80 else { return invalid }
        let three = (first & 0x0F) << 12 | (second & 0x3F) << 6 | UInt32(p[2]) & 0x3F
        if first < 0xF0 {
            guard three >= 0x800, three & 0xF800 != 0xD800 else { return invalid }
            return ScannedScalar(value: three, length: 3)
        }
        guard available >= 4, p[3] & 0xC0 == 0x80 else { return invalid }
        let four = (first & 0x07) << 18 | (second & 0x3F) << 12 | (UInt32(p[2]) & 0x3F) << 6 | UInt32(p[3]) & 0x3F
        guard four >= 0x10000, four < 0x110000 else { return invalid }
        return ScannedScalar(value: four, length: 4)
    }

    /// The length of the code point that ends before `p`, which lies after `start`.
    static func lengthBefore(_ p: UnsafePointer<UInt8>, _ start: UnsafePointer<UInt8>) -> Int {
        if p[-1] & 0xC0 != 0x80 { return 1 }
        var back = 1
        while back < min(4, p - start), p[-back] & 0xC0 == 0x80 { back += 1 }
        return scalar(p - back, p).length == back ? back : 1
    }

    /// Where the first byte lies that belongs to no well-formed sequence, or nil.
    static func firstInvalid(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let start = text.baseAddress else { return nil }
        let end = start + text.count
        var p = start
        while p < end {
            if end - p >= 8, UnsafeRawPointer(p).loadUnaligned(as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
                p += 8
                continue
            }
            let scalar = scalar(p, end)
            if scalar.length == 1, p[0] >= 0x80 { return p - start }
            p += scalar.length
        }
        return nil
    }
}
