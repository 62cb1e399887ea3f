import ApusBase

/// Reads a GGUF header from front to back through a window of the file, never beyond its end.
struct GGUFCursor {
    let file: FileReader
    private(set) var position = 0
    /// The bytes of the file from `windowStart` on.
    private var buffer: [UInt8] = []
    private var windowStart = 0
    private var numbersLeft = CheckpointLimits.metadataNumbers

    init(_ file: FileReader) { self.file = file }

    var remaining: Int { file.byteCount - position }

    /// Makes the next `count` bytes available and returns where in the window the first lies.
    private mutating func take(_ count: Int, _ what: @autoclosure () -> String) throws(InputError) -> Int {
        guard count <= remaining else {
            throw error("the file ends inside \(what()): \(count) bytes are needed, \(remaining) are left", remedy: "the file is truncated; fetch it again")
        }
        guard position + count <= CheckpointLimits.ggufHeaderByteCount else {
            throw error("the header goes on beyond \(CheckpointLimits.ggufHeaderByteCount) bytes with \(what())")
        }
        if position + count > windowStart + buffer.count {
            buffer.removeFirst(position - windowStart)
            windowStart = position
            let end = min(file.byteCount, position + max(count, 1 << 20))
            buffer.append(contentsOf: try file.bytes(at: position + buffer.count, count: end - position - buffer.count))
        }
        defer { position += count }
        return position - windowStart
    }

    mutating func read<Number: FixedWidthInteger>(_: Number.Type, _ what: @autoclosure () -> String) throws(InputError) -> Number {
        let at = try take(MemoryLayout<Number>.size, what())
        return Number(littleEndian: buffer.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: Number.self) })
    }

    /// A count or an offset that must fit the file.
    mutating func readCount(_ what: @autoclosure () -> String) throws(InputError) -> Int {
        let at = position
        let value = try read(UInt64.self, what())
        guard value <= UInt64(file.byteCount) else {
            throw error("\(what()) is \(value), more than the file has bytes (\(file.byteCount))", at: at)
        }
        return Int(value)
    }

    mutating func readString(_ what: @autoclosure () -> String) throws(InputError) -> String {
        let start = position
        let count = try readCount("the length of \(what())")
        let at = try take(count, what())
        guard let text = String(validating: buffer[at..<at + count], as: UTF8.self) else {
            throw error("\(what()) is not valid UTF-8", at: start)
        }
        return text
    }

    /// Strings whose bytes are taken as they are: tokens need not be UTF-8.
    mutating func readStrings(count: Int, _ what: @autoclosure () -> String) throws(InputError) -> StringTable {
        guard count <= remaining / 8 else { throw error("\(what()) has \(count) strings, but only \(remaining) bytes are left") }
        var table = StringTable()
        table.reserve(count: count, byteCount: 0)
        for _ in 0..<count {
            let length = try readCount("the length of a string of \(what())")
            let at = try take(length, what())
            buffer.withUnsafeBytes { table.append(UnsafeRawBufferPointer(rebasing: $0[at..<at + length])) }
        }
        return table
    }

    /// `count` numbers of `type`.
    mutating func readNumbers(_ type: GGUFValueType, count: Int, _ what: String) throws(InputError) -> GGUFValue {
        let size = type.byteCount!
        let start = position
        let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow, bytes <= remaining else {
            throw error("\(what) has \(count) elements of \(size) bytes, but only \(remaining) bytes are left")
        }
        guard count <= numbersLeft else {
            throw error("\(what) brings the metadata's numbers above \(CheckpointLimits.metadataNumbers)")
        }
        numbersLeft -= count
        let at = try take(bytes, what)
        func each<Number, Out>(_: Number.Type, _ convert: (Number) -> Out) -> [Out] {
            buffer.withUnsafeBytes { raw in
                (0..<count).map { convert(raw.loadUnaligned(fromByteOffset: at + $0 * size, as: Number.self)) }
            }
        }
        switch type {
        case .uint8: return .integers(each(UInt8.self) { Int($0) })
        case .int8: return .integers(each(Int8.self) { Int($0) })
        case .uint16: return .integers(each(UInt16.self) { Int($0) })
        case .int16: return .integers(each(Int16.self) { Int($0) })
        case .uint32: return .integers(each(UInt32.self) { Int($0) })
        case .int32: return .integers(each(Int32.self) { Int($0) })
        case .int64: return .integers(each(Int64.self) { Int($0) })
        case .uint64:
            let values = each(Int64.self) { Int($0) }
            guard values.allSatisfy({ $0 >= 0 }) else { throw error("\(what) holds a number above 2^63 - 1", at: start) }
            return .integers(values)
        case .float32: return .numbers(each(UInt32.self) { Double(Float(bitPattern: $0)) })
        case .float64: return .numbers(each(UInt64.self) { Double(bitPattern: $0) })
        default:
            let values = each(UInt8.self) { $0 }
            guard values.allSatisfy({ $0 <= 1 }) else { throw error("\(what) holds a boolean that is neither 0 nor 1", at: start) }
            return .bools(values.map { $0 == 1 })
        }
    }

    func error(_ rule: String, at offset: Int? = nil, remedy: String? = nil) -> InputError {
        InputError(file.path, at: "byte \(offset ?? position)", rule, remedy: remedy)
    }
}
