import ApusBase
import ApusTensor

/// The header of one safetensors file: an object of tensors, each with dtype, shape and byte range.
enum SafetensorsHeader {
    static let types: [(name: String, dtype: DType)] = [
        ("F32", .f32), ("F16", .f16), ("BF16", .bf16), ("I32", .i32), ("I64", .i64), ("U8", .u8),
    ]
    /// The format's own limit.
    private static let largestHeader = 100_000_000

    /// The format's name of a type, nil where it has none.
    static func name(of dtype: DType) -> String? { types.first { $0.dtype == dtype }?.name }

    /// The length and the header of a file of these tensors, one after the other; padded so that the data starts at a multiple of 8.
    static func bytes(_ tensors: [TensorPlan], metadata: JSONObject) -> [UInt8] {
        var header = JSONObject()
        if metadata.count > 0 { header["__metadata__"] = .object(metadata) }
        var offset = 0
        for tensor in tensors {
            header[tensor.name] = .object([
                "dtype": .string(name(of: tensor.dtype)!), "shape": .array(tensor.shape.map { .integer($0) }),
                "data_offsets": .array([.integer(offset), .integer(offset + tensor.byteCount)]),
            ])
            offset += tensor.byteCount
        }
        var text = Array(JSON.object(header).serialized().utf8)
        text += [UInt8](repeating: UInt8(ascii: " "), count: roundUp(text.count, 8) - text.count)
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
    }

    // MARK: Reading

    /// Tensors in the order of their bytes.
    static func read(_ file: FileReader, index: Int) throws(InputError) -> [TensorEntry] {
        guard file.byteCount >= 8 else { throw InputError(file.path, at: "byte 0", "no safetensors file: it has less than 8 bytes") }
        let length = try file.bytes(at: 0, count: 8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(min(largestHeader, file.byteCount - 8)) else {
            throw InputError(
                file.path, at: "byte 0", "the header's length is \(length), but the file has \(file.byteCount) bytes and the format allows \(largestHeader)",
                remedy: "the file is truncated or no safetensors file")
        }
        let start = 8 + Int(length)
        var entries = try readEntries(file, index: index, start: start)
        entries.sort { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }
        var end = start
        for entry in entries {
            guard entry.offset == end else {
                throw InputError(
                    file.path, at: "tensor \(entry.name)",
                    "starts at byte \(entry.offset - start) of the data, but \(end - start) is next: tensors may neither overlap nor leave holes")
            }
            end += entry.byteCount
        }
        guard end == file.byteCount else {
            throw InputError(file.path, at: "byte \(end)", "the last tensor ends here, but the file has \(file.byteCount) bytes")
        }
        return entries
    }

    /// Reads value by value: a tree of the whole header would take many times its bytes.
    private static func readEntries(_ file: FileReader, index: Int, start: Int) throws(InputError) -> [TensorEntry] {
        let header = try file.bytes(at: 8, count: start - 8)
        var entries: [TensorEntry] = []
        var failure: InputError?
        header.withUnsafeBytes { raw in
            do throws(InputError) {
                var reader = JSONReader(raw, subject: file.path)
                guard try reader.peek() == UInt8(ascii: "{") else { throw InputError(file.path, at: "byte 8", "the header is not an object") }
                try reader.readObject { (name, reader) throws(InputError) in
                    guard name != "__metadata__" else { return try checkMetadata(&reader, file) }
                    guard entries.count < CheckpointLimits.tensors, name.utf8.count <= CheckpointLimits.nameByteCount else {
                        throw InputError(file.path, at: "tensor \(name.prefix(80))", CheckpointLimits.rule)
                    }
                    entries.append(try entry(name, &reader, file, index: index, start: start))
                }
                try reader.finish()
            } catch { failure = error }
        }
        if let failure { throw failure }
        return entries
    }

    private static func checkMetadata(_ reader: inout JSONReader, _ file: FileReader) throws(InputError) {
        let error = InputError(file.path, at: "__metadata__", "an object of strings is needed, \(CheckpointLimits.metadataPairs) at most")
        guard try reader.peek() == UInt8(ascii: "{") else { throw error }
        var count = 0
        try reader.readObject { (_, reader) throws(InputError) in
            count += 1
            guard try reader.peek() == UInt8(ascii: "\""), count <= CheckpointLimits.metadataPairs else { throw error }
            _ = try reader.readString()
        }
    }

    private static func entry(
        _ name: String, _ reader: inout JSONReader, _ file: FileReader, index: Int, start: Int
    ) throws(InputError) -> TensorEntry {
        func error(_ rule: String) -> InputError { InputError(file.path, at: "tensor \(name)", rule) }
        guard try reader.peek() == UInt8(ascii: "{") else { throw error("is not an object") }
        var typeName: String?, shape: [Int]?, offsets: [Int]?
        try reader.readObject { (key, reader) throws(InputError) in
            switch key {
            case "dtype":
                guard try reader.peek() == UInt8(ascii: "\"") else { throw error("dtype is not a string") }
                typeName = try reader.readString()
            case "shape": shape = try numbers(&reader, atMost: 8, error("shape must be a list of at most 8 whole numbers"))
            case "data_offsets": offsets = try numbers(&reader, atMost: 2, error("data_offsets must be two whole numbers"))
            default: throw error("the key \(key.prefix(80)) is unknown")
            }
        }
        guard let typeName, let shape, let offsets else { throw error("dtype, shape or data_offsets is missing") }
        guard let dtype = types.first(where: { $0.name == typeName })?.dtype else {
            throw error("the type \(typeName.prefix(80)) is not supported; \(types.map(\.name).joined(separator: ", ")) are")
        }
        guard offsets.count == 2, offsets[1] >= offsets[0], offsets[1] <= file.byteCount - start else {
            throw error("data_offsets must be two numbers, in order and within the \(file.byteCount - start) bytes of data")
        }
        guard let byteCount = checkedByteCount(shape, dtype), byteCount == offsets[1] - offsets[0] else {
            throw error("shape \(shape) of \(typeName) does not take the \(offsets[1] - offsets[0]) bytes of its data_offsets")
        }
        return TensorEntry(name: name, dtype: dtype, shape: shape, byteCount: byteCount, file: index, offset: start + offsets[0])
    }

    private static func numbers(_ reader: inout JSONReader, atMost limit: Int, _ error: InputError) throws(InputError) -> [Int] {
        guard try reader.peek() == UInt8(ascii: "[") else { throw error }
        var numbers: [Int] = []
        try reader.readArray { (reader) throws(InputError) in
            let next = try reader.peek()
            guard next != UInt8(ascii: "["), next != UInt8(ascii: "{"), let number = try reader.readValue().int, number >= 0, numbers.count < limit
            else { throw error }
            numbers.append(number)
        }
        return numbers
    }
}
