import ApusBase

/// Reads the fields of a Protocol Buffers message, as far as model files use the encoding.
struct ProtobufReader {
    enum Value {
        case integer(UInt64)
        case fixed32(UInt32)
        case bytes(Range<Int>)
    }

    struct Field {
        var number: Int
        var value: Value
    }

    private let bytes: [UInt8]
    private let subject: String
    private var position: Int
    private let end: Int

    init(_ bytes: [UInt8], _ range: Range<Int>? = nil, subject: String) {
        self.bytes = bytes
        self.subject = subject
        position = range?.lowerBound ?? 0
        end = range?.upperBound ?? bytes.count
    }

    private func error(_ rule: String) -> InputError {
        InputError(subject, at: "byte \(position)", rule, remedy: "fetch the file again")
    }

    /// The next field, or nil at the message's end.
    ///
    /// - Throws: an `InputError` for a message that is cut or malformed.
    mutating func next() throws(InputError) -> Field? {
        guard position < end else { return nil }
        let key = try varint()
        let number = Int(truncatingIfNeeded: key >> 3)
        guard number > 0, number < 1 << 29 else { throw error("a field's number must be 1 to 2^29 - 1") }
        switch key & 7 {
        case 0: return Field(number: number, value: .integer(try varint()))
        case 1: return Field(number: number, value: .bytes(try take(8)))
        case 2:
            let count = try varint()
            guard count <= UInt64(end - position) else { throw error("a field of \(count) bytes reaches over the end") }
            return Field(number: number, value: .bytes(try take(Int(count))))
        case 5:
            let range = try take(4)
            return Field(number: number, value: .fixed32((0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[range.lowerBound + $1]) << UInt32(8 * $1) }))
        case let type: throw error("a field of the wire type \(type), which no model file has")
        }
    }

    private mutating func take(_ count: Int) throws(InputError) -> Range<Int> {
        guard count <= end - position else { throw error("a field reaches over the end") }
        defer { position += count }
        return position..<position + count
    }

    private mutating func varint() throws(InputError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard position < end else { throw error("a number reaches over the end") }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw error("a number has more than ten bytes")
    }
}
