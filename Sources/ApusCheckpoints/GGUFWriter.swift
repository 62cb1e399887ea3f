import ApusBase
import ApusTensor

/// Writes a GGUF file, version 3, little-endian, tensors aligned to 32 bytes.
/// Spec: github.com/ggml-org/ggml/blob/master/docs/gguf.md.
package final class GGUFWriter: CheckpointWriter {
    package let tensors: [TensorPlan]
    private let file: AtomicFile
    private var cursor: TensorCursor
    private static let alignment = 32

    package var byteCount: Int { file.byteCount }

    /// Writes the header. The key `general.alignment` is left out: the format's default holds.
    ///
    /// - Throws: an `InputError` when the file cannot be written, a metadata value does not fit its type, or a tensor has a type or
    ///   a number of dimensions that GGUF lacks.
    package init(path: String, metadata: GGUFMetadata, tensors: [TensorPlan]) throws(InputError) {
        self.tensors = tensors
        cursor = TensorCursor(tensors)
        let keys = metadata.keys.filter { $0 != "general.alignment" }
        var header = ByteBuilder()
        header.append(UInt32(0x4655_4747))
        header.append(UInt32(3))
        header.append(UInt64(tensors.count))
        header.append(UInt64(keys.count))
        for key in keys { try Self.write(key, metadata, path, to: &header) }
        var offset = 0
        for tensor in tensors {
            guard let type = tensor.dtype.ggmlType, (1...4).contains(tensor.shape.count) else {
                throw InputError(path, at: "tensor \(tensor.name)", "GGUF cannot hold \(tensor.dtype) of the shape \(tensor.shape)")
            }
            header.append(tensor.name)
            header.append(UInt32(tensor.shape.count))
            for dimension in tensor.shape.reversed() { header.append(UInt64(dimension)) }
            header.append(type)
            header.append(UInt64(offset))
            offset = roundUp(offset + tensor.byteCount, Self.alignment)
        }
        file = try AtomicFile(path: path)
        try file.write(header.bytes)
        try file.pad(to: Self.alignment)
        try closeTensors()
    }

    package func append(_ bytes: UnsafeRawBufferPointer) throws(InputError) {
        cursor.take(bytes.count)
        try file.write(bytes)
        try closeTensors()
    }

    package func finish() throws(InputError) {
        precondition(cursor.isAtEnd, "tensors are missing")
        try file.commit()
    }

    private func closeTensors() throws(InputError) {
        while cursor.stepIfComplete() { try file.pad(to: Self.alignment) }
    }

    // MARK: Metadata

    private static func write(_ key: String, _ metadata: GGUFMetadata, _ path: String, to out: inout ByteBuilder) throws(InputError) {
        let value = metadata[key]!, type = metadata.elementType(key)!
        out.append(key)
        func header(_ count: Int) {
            out.append(GGUFValueType.array.rawValue)
            out.append(type.rawValue)
            out.append(UInt64(count))
        }
        func integer(_ value: Int) throws(InputError) {
            guard out.append(value, as: type) else { throw InputError(path, at: "metadata \(key)", "\(value) does not fit \(type)") }
        }
        switch value {
        case .strings(let table):
            header(table.count)
            for index in 0..<table.count { out.append(table[index]) }
        case .bools(let values):
            header(values.count)
            for value in values { out.append(UInt8(value ? 1 : 0)) }
        case .integers(let values):
            header(values.count)
            for value in values { try integer(value) }
        case .numbers(let values):
            header(values.count)
            for value in values { out.append(value, as: type) }
        default:
            out.append(type.rawValue)
            switch value {
            case .string(let text): out.append(text)
            case .bool(let flag): out.append(UInt8(flag ? 1 : 0))
            case .integer(let number): try integer(number)
            case .unsigned(let number): out.append(number)
            case .number(let number): out.append(number, as: type)
            case .strings, .bools, .integers, .numbers: break
            }
        }
    }
}

/// Bytes as GGUF headers spell numbers and strings.
private struct ByteBuilder {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(_ text: String) { append(ArraySlice(text.utf8)) }

    mutating func append(_ text: ArraySlice<UInt8>) {
        append(UInt64(text.count))
        bytes.append(contentsOf: text)
    }

    mutating func append(_ value: Double, as type: GGUFValueType) {
        if type == .float64 { append(value.bitPattern) } else { append(Float(value).bitPattern) }
    }

    /// False when the number does not fit.
    mutating func append(_ value: Int, as type: GGUFValueType) -> Bool {
        func append<Number: FixedWidthInteger>(_: Number.Type) -> Bool {
            guard let number = Number(exactly: value) else { return false }
            self.append(number)
            return true
        }
        switch type {
        case .uint8: return append(UInt8.self)
        case .int8: return append(Int8.self)
        case .uint16: return append(UInt16.self)
        case .int16: return append(Int16.self)
        case .uint32: return append(UInt32.self)
        case .int32: return append(Int32.self)
        case .uint64: return append(UInt64.self)
        default: return append(Int64.self)
        }
    }
}
