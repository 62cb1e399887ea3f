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

    /// Tensors in the order of their bytes.
    static func read(_ file: FileReader, index: Int) throws(InputError) -> [TensorEntry] {
        guard file.byteCount >= 8 else { throw InputError(file.path, at: "byte 0", "no safetensors file: it has less than 8 bytes") }
        let length = try file.bytes(at: 0, count: 8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(min(largestHeader, file.byteCount - 8)) else {
            throw InputError(
                file.path, at: "byte 0", "the header's length is \(length), but the file has \(file.byteCount) bytes and the format allows \(largestHeader)",
                remedy: "the file is truncated or no safetensors file")
        }
        let header = try JSON(parsing: file.bytes(at: 8, count: Int(length)), subject: file.path)
        guard let object = header.object else { throw InputError(file.path, at: "byte 8", "the header is \(header.kind), not an object") }
        let start = 8 + Int(length)
        var entries: [TensorEntry] = []
        for (name, value) in object.members {
            if name == "__metadata__" {
                guard let members = value.object?.members, members.allSatisfy({ $0.value.string != nil }) else {
                    throw InputError(file.path, at: "__metadata__", "an object of strings is needed")
                }
                continue
            }
            entries.append(try entry(name, value, file, index: index, start: start))
        }
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

    private static func entry(_ name: String, _ value: JSON, _ file: FileReader, index: Int, start: Int) throws(InputError) -> TensorEntry {
        func error(_ rule: String) -> InputError { InputError(file.path, at: "tensor \(name)", rule) }
        guard let object = value.object else { throw error("is \(value.kind), not an object") }
        if let unknown = object.keys.first(where: { !["dtype", "shape", "data_offsets"].contains($0) }) {
            throw error("the key \(unknown) is unknown")
        }
        guard let typeName = object["dtype"]?.string else { throw error("dtype, a string, is missing") }
        guard let dtype = types.first(where: { $0.name == typeName })?.dtype else {
            throw error("the type \(typeName) is not supported; \(types.map(\.name).joined(separator: ", ")) are")
        }
        guard let dimensions = object["shape"]?.array, dimensions.count <= 8 else { throw error("shape, a list of at most 8 numbers, is missing") }
        var shape: [Int] = []
        for dimension in dimensions {
            guard let number = dimension.int, number >= 0 else { throw error("the dimension \(dimension.serialized()) is no whole number") }
            shape.append(number)
        }
        guard let offsets = object["data_offsets"]?.array, offsets.count == 2, let from = offsets[0].int, let to = offsets[1].int,
            from >= 0, to >= from, to <= file.byteCount - start
        else { throw error("data_offsets must be two numbers, in order and within the \(file.byteCount - start) bytes of data") }
        guard let byteCount = checkedByteCount(shape, dtype), byteCount == to - from else {
            throw error("shape \(shape) of \(typeName) does not take the \(to - from) bytes of its data_offsets")
        }
        return TensorEntry(name: name, dtype: dtype, shape: shape, byteCount: byteCount, file: index, offset: start + from)
    }
}
