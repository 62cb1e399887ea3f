import ApusBase

/// Writes documents as `PREFIX.bin` and `PREFIX.idx` of Megatron-LM, a sequence each. Both appear when `finish` returns.
package final class IndexedDatasetWriter {
    package private(set) var tokens = 0
    package var documents: Int { lengths.count }
    private let prefix: String
    private let type: IndexedType
    private let data: AtomicFile
    private var lengths: [Int32] = []

    init(prefix: String, type: IndexedType) throws(InputError) {
        self.prefix = prefix
        self.type = type
        data = try AtomicFile(path: prefix + ".bin")
    }

    /// For the ids of a vocabulary.
    package convenience init(prefix: String, vocabularySize: Int) throws(InputError) {
        try self.init(prefix: prefix, type: IndexedType(vocabularySize: vocabularySize))
    }

    /// Writes a document, which has fewer than 2³¹ tokens, each of which the type can hold.
    package func append(_ ids: [Int32]) throws(InputError) {
        switch type {
        case .u8: try write(ids, as: UInt8.self)
        case .i8: try write(ids, as: Int8.self)
        case .i16: try write(ids, as: Int16.self)
        case .u16: try write(ids, as: UInt16.self)
        case .i32: try write(ids, as: Int32.self)
        case .i64: try write(ids, as: Int64.self)
        }
        lengths.append(Int32(ids.count))
        tokens += ids.count
    }

    private func write<Number: FixedWidthInteger>(_ ids: [Int32], as type: Number.Type) throws(InputError) {
        let numbers = ids.map { Number(truncatingIfNeeded: $0).littleEndian }
        var failure: InputError?
        numbers.withUnsafeBytes { bytes in
            do throws(InputError) { try data.write(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Puts both files in their places, the index last.
    package func finish() throws(InputError) {
        let index = try AtomicFile(path: prefix + ".idx")
        /// Writes numbers, some at a time.
        func write<Number: FixedWidthInteger>(_ count: Int, _ number: (Int) -> Number) throws(InputError) {
            for first in stride(from: 0, to: count, by: 1 << 16) {
                let bytes = (first..<min(first + 1 << 16, count)).flatMap { position in
                    let value = number(position)
                    return (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> Number(8 * $0)) }
                }
                try index.write(bytes)
            }
        }
        try index.write(IndexHeader.magic)
        try write(1) { _ in UInt64(1) }
        try index.write([type.rawValue])
        try write(2) { UInt64(lengths.count + $0) }
        try write(lengths.count) { lengths[$0] }
        var offset = 0
        try write(lengths.count) { position in
            defer { offset += Int(lengths[position]) * type.byteCount }
            return Int64(offset)
        }
        try write(lengths.count + 1) { Int64($0) }
        try data.commit()
        try index.commit()
    }
}
