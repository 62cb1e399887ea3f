/// The Castagnoli checksum (RFC 3720, appendix B.4) of bytes that come piece by piece, eight at a step (Kounavis & Berry 2005).
package struct CRC32C: Sendable, Equatable {
    private static let polynomial: UInt32 = 0x82F6_3B78
    /// Table k, from 256 · k on: what a byte contributes with k bytes behind it.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? polynomial ^ (value >> 1) : value >> 1 }
            tables[byte] = value
        }
        for index in 256..<tables.count {
            let shorter = tables[index - 256]
            tables[index] = tables[Int(shorter & 0xFF)] ^ (shorter >> 8)
        }
        return tables
    }()

    private var state = ~UInt32(0)

    /// Of no bytes so far.
    package init() {}

    /// Of all bytes so far.
    package var value: UInt32 { ~state }

    /// The form that TFRecord files store, in which a checksum of bytes that hold checksums stays a good one.
    package var masked: UInt32 { (value >> 15 | value << 17) &+ 0xA282_EAD8 }

    package static func checksum(_ bytes: [UInt8]) -> CRC32C {
        var checksum = CRC32C()
        bytes.withUnsafeBytes { checksum.update($0) }
        return checksum
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        var state = state
        Self.tables.withUnsafeBufferPointer { tables in
            let table = tables.baseAddress!
            var offset = 0
            while offset + 8 <= bytes.count {
                let word = UInt64(littleEndian: start.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) ^ UInt64(state)
                let near = table[1792 + Int(word & 0xFF)] ^ table[1536 + Int(word >> 8 & 0xFF)]
                let second = table[1280 + Int(word >> 16 & 0xFF)] ^ table[1024 + Int(word >> 24 & 0xFF)]
                let third = table[768 + Int(word >> 32 & 0xFF)] ^ table[512 + Int(word >> 40 & 0xFF)]
                let far = table[256 + Int(word >> 48 & 0xFF)] ^ table[Int(word >> 56)]
                state = (near ^ second) ^ (third ^ far)
                offset += 8
            }
            while offset < bytes.count {
                state = table[Int((state ^ UInt32(bytes[offset])) & 0xFF)] ^ (state >> 8)
                offset += 1
            }
        }
        self.state = state
    }
}
