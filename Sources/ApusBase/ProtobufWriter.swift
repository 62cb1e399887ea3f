/// Writes the fields of a Protocol Buffers message.
package struct ProtobufWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func integer(_ number: Int, _ value: Int) {
        varint(UInt64(number) << 3)
        varint(UInt64(bitPattern: Int64(value)))
    }

    package mutating func fixed32(_ number: Int, _ bits: UInt32) {
        varint(UInt64(number) << 3 | 5)
        withUnsafeBytes(of: bits.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func fixed64(_ number: Int, _ bits: UInt64) {
        varint(UInt64(number) << 3 | 1)
        withUnsafeBytes(of: bits.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func bytes(_ number: Int, _ value: some Collection<UInt8>) {
        varint(UInt64(number) << 3 | 2)
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
