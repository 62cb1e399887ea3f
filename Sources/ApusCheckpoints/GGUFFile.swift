import ApusBase
import ApusTensor

/// A GGUF file, versions 2 and 3, little-endian: metadata and tensors.
///
/// Opening checks everything that loading would: lengths, types, names, alignment, and that the tensors lie one after the other
/// within the file. Spec: github.com/ggml-org/ggml/blob/master/docs/gguf.md.
package final class GGUFFile: Checkpoint {
    package let version: UInt32
    package let metadata: GGUFMetadata
    package let entries: [TensorEntry]
    /// Bytes to which tensors are aligned.
    package let alignment: Int
    private let file: FileReader
    private let byName: [String: Int]

    package var path: String { file.path }

    package init(path: String) throws(InputError) {
        file = try FileReader(path: path)
        var cursor = GGUFCursor(file)
        let magic = try cursor.read(UInt32.self, "the magic number")
        guard magic == 0x4655_4747 else { throw cursor.error("not a GGUF file: it does not start with \"GGUF\"", at: 0) }
        version = try cursor.read(UInt32.self, "the version")
        guard version == 2 || version == 3 else {
            let swapped = version.byteSwapped
            throw cursor.error(
                swapped == 2 || swapped == 3 ? "a big-endian GGUF file" : "GGUF version \(version)", at: 4,
                remedy: "versions 2 and 3, little-endian, can be read; convert the file")
        }
        let tensorCount = try cursor.readCount("the number of tensors")
        let pairCount = try cursor.readCount("the number of metadata pairs")
        guard tensorCount <= CheckpointLimits.tensors, pairCount <= CheckpointLimits.metadataPairs else {
            throw cursor.error(
                "\(tensorCount) tensors and \(pairCount) metadata pairs; \(CheckpointLimits.tensors) and \(CheckpointLimits.metadataPairs) are allowed", at: 8)
        }
        metadata = try Self.readMetadata(&cursor, count: pairCount)
        alignment = try Self.alignment(of: metadata, cursor)
        entries = try Self.readEntries(&cursor, count: tensorCount, alignment: alignment)
        byName = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
    }

    package func entry(_ name: String) -> TensorEntry? { byName[name].map { entries[$0] } }

    package func path(of entry: TensorEntry) -> String { path }

    package func read(_ entry: TensorEntry, from byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(InputError) {
        precondition(byteOffset >= 0 && byteOffset + buffer.count <= entry.byteCount)
        try file.read(at: entry.offset + byteOffset, into: buffer)
    }

    // MARK: Header

    private static func readMetadata(_ cursor: inout GGUFCursor, count: Int) throws(InputError) -> GGUFMetadata {
        var metadata = GGUFMetadata(path: cursor.file.path)
        for _ in 0..<count {
            let start = cursor.position
            let key = try cursor.readString("a metadata key")
            guard !key.isEmpty else { throw cursor.error("a metadata key is empty", at: start) }
            guard metadata[key] == nil else { throw cursor.error("the metadata key \(key) occurs twice", at: start) }
            let (value, type) = try readValue(&cursor, type: readType(&cursor, "metadata \(key)"), "metadata \(key)")
            metadata.set(key, value, as: type)
        }
        return metadata
    }

    private static func readType(_ cursor: inout GGUFCursor, _ what: String) throws(InputError) -> GGUFValueType {
        let start = cursor.position
        let number = try cursor.read(UInt32.self, "the type of \(what)")
        guard let type = GGUFValueType(rawValue: number) else {
            throw cursor.error("\(what) has the unknown value type \(number)", at: start)
        }
        return type
    }

    /// A value, and its type or that of its elements.
    private static func readValue(
        _ cursor: inout GGUFCursor, type: GGUFValueType, _ what: String
    ) throws(InputError) -> (GGUFValue, GGUFValueType) {
        switch type {
        case .string: return (.string(try cursor.readString(what)), type)
        case .array:
            let start = cursor.position
            let element = try readType(&cursor, "the elements of \(what)")
            let count = try cursor.readCount("the length of \(what)")
            switch element {
            case .array: throw cursor.error("\(what) is an array of arrays, which no model needs", at: start)
            case .string: return (.strings(try cursor.readStrings(count: count, what)), element)
            default: return (try cursor.readNumbers(element, count: count, what), element)
            }
        case .uint64:
            let value = try cursor.read(UInt64.self, what)
            return (Int(exactly: value).map { .integer($0) } ?? .unsigned(value), type)
        default:
            switch try cursor.readNumbers(type, count: 1, what) {
            case .bools(let values): return (.bool(values[0]), type)
            case .numbers(let values): return (.number(values[0]), type)
            case .integers(let values): return (.integer(values[0]), type)
            case let other: return (other, type)
            }
        }
    }

    private static func alignment(of metadata: GGUFMetadata, _ cursor: GGUFCursor) throws(InputError) -> Int {
        let alignment = try metadata.int("general.alignment") ?? 32
        guard alignment > 0, alignment <= 1 << 20, alignment & (alignment - 1) == 0, alignment % 8 == 0 else {
            throw InputError(
                cursor.file.path, at: "metadata general.alignment", "\(alignment) is no power of two from 8 to 1048576")
        }
        return alignment
    }

    private static func readEntries(_ cursor: inout GGUFCursor, count: Int, alignment: Int) throws(InputError) -> [TensorEntry] {
        struct Header { let name: String, dtype: DType, shape: [Int], byteCount: Int, offset: Int, at: Int }
        var headers: [Header] = []
        var names: Set<String> = []
        for _ in 0..<count {
            let at = cursor.position
            let name = try cursor.readString("a tensor's name")
            guard !name.isEmpty, names.insert(name).inserted else {
                throw cursor.error(name.isEmpty ? "a tensor's name is empty" : "the tensor \(name) occurs twice", at: at)
            }
            guard name.utf8.count <= CheckpointLimits.nameByteCount else { throw cursor.error(CheckpointLimits.rule, at: at) }
            let (shape, dtype) = try readShape(&cursor, name)
            guard let byteCount = checkedByteCount(shape, dtype), byteCount <= cursor.file.byteCount else {
                throw cursor.error("\(name): shape \(shape) of \(dtype) overflows, exceeds the file, or does not fill whole blocks", at: at)
            }
            let offset = try cursor.readCount("the offset of \(name)")
            headers.append(Header(name: name, dtype: dtype, shape: shape, byteCount: byteCount, offset: offset, at: at))
        }
        // Tensors lie in order, each padded to the alignment: no overlap, no hole.
        let start = roundUp(cursor.position, alignment)
        var end = 0
        var entries: [TensorEntry] = []
        for header in headers {
            guard header.offset == roundUp(end, alignment) else {
                throw cursor.error("\(header.name) starts at \(header.offset) of the data, but \(roundUp(end, alignment)) is next", at: header.at)
            }
            end = header.offset + header.byteCount
            guard start + end <= cursor.file.byteCount else {
                throw cursor.error(
                    "\(header.name) ends at byte \(start + end), but the file has \(cursor.file.byteCount)", at: header.at,
                    remedy: "the file is truncated; fetch it again")
            }
            entries.append(
                TensorEntry(
                    name: header.name, dtype: header.dtype, shape: header.shape, byteCount: header.byteCount, file: 0,
                    offset: start + header.offset))
        }
        guard cursor.file.byteCount <= roundUp(start + end, alignment) else {
            throw cursor.error("\(cursor.file.byteCount - start - end) bytes follow the last tensor", at: start + end)
        }
        return entries
    }

    private static func readShape(_ cursor: inout GGUFCursor, _ name: String) throws(InputError) -> ([Int], DType) {
        let at = cursor.position
        let rank = try cursor.read(UInt32.self, "the rank of \(name)")
        guard rank >= 1, rank <= 4 else { throw cursor.error("\(name) has \(rank) dimensions; 1 to 4 are allowed", at: at) }
        var shape: [Int] = []
        for _ in 0..<rank {
            let dimension = try cursor.read(UInt64.self, "the shape of \(name)")
            guard dimension >= 1, dimension <= 1 << 48 else { throw cursor.error("\(name) has a dimension of \(dimension)", at: at) }
            shape.insert(Int(dimension), at: 0)
        }
        let number = try cursor.read(UInt32.self, "the type of \(name)")
        guard let dtype = DType(ggmlType: number) else {
            throw cursor.error(
                "\(name) is of the type \(DType.ggmlName(number)), which is not supported", at: cursor.position - 4,
                remedy: "convert the model to one of Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K … Q6_K F16 BF16 F32")
        }
        return (shape, dtype)
    }
}

func roundUp(_ value: Int, _ alignment: Int) -> Int { (value + alignment - 1) / alignment * alignment }
