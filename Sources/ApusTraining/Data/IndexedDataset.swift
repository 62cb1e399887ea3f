import ApusBase

/// Token ids in the files of Megatron-LM, `PREFIX.bin` and `PREFIX.idx`, read where they lie: memory is 16 bytes for 64 sequences.
///
/// Reads copy instead of mapping the file, so that one that shrinks is an error and not a signal.
package final class IndexedDataset: Sendable {
    /// A sequence of the files.
    struct Entry {
        /// Where it begins among all tokens of the data set.
        var start: Int
        var length: Int
        /// Its place in the `.bin` file.
        var offset: Int
        var beginsDocument: Bool
        var end: Int { start + length }
    }

    static let blockSize = 64

    package let prefix: String
    /// What messages call it: the prefix, or the texts that it was made of.
    let subject: String
    /// Tokens of all sequences.
    package let count: Int
    package let documents: Int
    let header: IndexHeader
    private let data: FileReader
    private let index: FileReader
    /// The first token of every 64th sequence.
    private let anchors: [Int]
    /// A bit for each sequence that begins a document.
    private let beginnings: [UInt64]

    /// Reads the index and checks all of it against the `.bin` file.
    /// - Parameter texts: the files that it was made of, where a person knows no others.
    package init(prefix: String, texts: [String] = []) throws(InputError) {
        self.prefix = prefix
        subject = texts.isEmpty ? prefix : texts.joined(separator: ", ")
        index = try FileReader(path: prefix + ".idx")
        data = try FileReader(path: prefix + ".bin")
        header = try IndexHeader(index)
        documents = header.documents
        beginnings = try Self.readBoundaries(index, header)
        (anchors, count) = try Self.readSequences(index, header, binByteCount: data.byteCount)
    }

    var sequences: Int { header.sequences }

    // MARK: Checks

    /// Calls `body` with as many numbers of a table at a time as fit a buffer.
    private static func forEachChunk(
        _ file: FileReader, _ offset: Int, count: Int, size: Int, _ body: (Int, UnsafeRawBufferPointer) throws(InputError) -> Void
    ) throws(InputError) {
        let step = 1 << 16
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(step, max(count, 1)) * size, alignment: 8)
        defer { buffer.deallocate() }
        for first in stride(from: 0, to: count, by: step) {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(min(step, count - first) * size)])
            try file.read(at: offset + first * size, into: part)
            try body(first, UnsafeRawBufferPointer(part))
        }
    }

    private static func readBoundaries(_ file: FileReader, _ header: IndexHeader) throws(InputError) -> [UInt64] {
        var bits = [UInt64](repeating: 0, count: (header.sequences + 63) / 64), last = 0
        try forEachChunk(file, header.boundaries, count: header.documents + 1, size: 8) { (first, bytes) throws(InputError) in
            for i in 0..<bytes.count / 8 {
                let boundary = IndexedType.i64.load(bytes.baseAddress!, i), number = first + i
                let place = "byte \(header.boundaries + 8 * number)"
                guard number > 0 ? boundary >= last && boundary <= header.sequences : boundary == 0 else {
                    throw InputError(file.path, at: place, "document \(number) begins with sequence \(boundary) of \(header.sequences), after \(last)")
                }
                if boundary < header.sequences { bits[boundary / 64] |= 1 << UInt64(boundary % 64) }
                last = boundary
            }
        }
        guard last == header.sequences else {
            throw InputError(
                file.path, at: "byte \(header.boundaries + 8 * header.documents)", "the last document ends with sequence \(last) of \(header.sequences)")
        }
        return bits
    }

    private static func readSequences(
        _ file: FileReader, _ header: IndexHeader, binByteCount: Int
    ) throws(InputError) -> (anchors: [Int], count: Int) {
        var anchors: [Int] = [], total = 0
        anchors.reserveCapacity(header.sequences / blockSize + 1)
        try forEachChunk(file, header.lengths, count: header.sequences, size: 4) { (first, lengths) throws(InputError) in
            let count = lengths.count / 4
            let offsets = try file.bytes(at: header.offsets + 8 * first, count: 8 * count)
            for i in 0..<count {
                if (first + i) % blockSize == 0 { anchors.append(total) }
                let length = IndexedType.i32.load(lengths.baseAddress!, i)
                let offset = offsets.withUnsafeBytes { IndexedType.i64.load($0.baseAddress!, i) }
                guard length >= 0 else {
                    throw InputError(file.path, at: "byte \(header.lengths + 4 * (first + i))", "sequence \(first + i) has the length \(length)")
                }
                guard offset >= 0, offset <= binByteCount, length * header.type.byteCount <= binByteCount - offset else {
                    throw InputError(
                        file.path, at: "byte \(header.offsets + 8 * (first + i))",
                        "sequence \(first + i) lies at byte \(offset), \(length) tokens long, beyond the \(binByteCount) bytes of the .bin file",
                        remedy: "the files do not belong together, or one is truncated")
                }
                total += length
            }
        }
        return (anchors, total)
    }

    // MARK: Reading

    /// The sequences from the one that holds a token on; `body` returns false to stop.
    func forEachEntry(from token: Int, _ body: (Entry) throws(InputError) -> Bool) throws(InputError) {
        var low = 0, high = anchors.count
        while low < high {
            let middle = (low + high) / 2
            if anchors[middle] <= token { low = middle + 1 } else { high = middle }
        }
        for block in max(low - 1, 0)..<max(anchors.count, 1) {
            let first = block * Self.blockSize, count = min(Self.blockSize, sequences - first)
            guard count > 0 else { return }
            let lengths = try index.bytes(at: header.lengths + 4 * first, count: 4 * count)
            let offsets = try index.bytes(at: header.offsets + 8 * first, count: 8 * count)
            var start = anchors[block]
            for i in 0..<count {
                let length = lengths.withUnsafeBytes { IndexedType.i32.load($0.baseAddress!, i) }
                let entry = Entry(
                    start: start, length: length, offset: offsets.withUnsafeBytes { IndexedType.i64.load($0.baseAddress!, i) },
                    beginsDocument: beginnings[(first + i) / 64] >> UInt64((first + i) % 64) & 1 == 1)
                start += length
                if entry.end > token || length == 0 && entry.start >= token, try !body(entry) { return }
            }
        }
    }

    /// The ids of a range of tokens, and where in it documents begin; its first token counts only if one begins there.
    package func read(_ range: Range<Int>) throws(InputError) -> (ids: [Int32], beginnings: [Int]) {
        var ids: [Int32] = [], beginnings: [Int] = []
        ids.reserveCapacity(range.count)
        var isPending = false
        try forEachEntry(from: range.lowerBound) { (entry) throws(InputError) in
            guard entry.start < range.upperBound else { return false }
            // A document whose first sequences are empty begins with the next that is not.
            isPending = isPending || entry.beginsDocument
            guard entry.length > 0 else { return true }
            let low = max(entry.start, range.lowerBound), high = min(entry.end, range.upperBound)
            if isPending, low == entry.start { beginnings.append(low - range.lowerBound) }
            isPending = false
            try append(&ids, entry.offset + (low - entry.start) * header.type.byteCount, high - low)
            return entry.end < range.upperBound
        }
        return (ids, beginnings)
    }

    private func append(_ ids: inout [Int32], _ offset: Int, _ count: Int) throws(InputError) {
        let size = header.type.byteCount
        let bytes = try data.bytes(at: offset, count: count * size)
        for i in 0..<count {
            let value = bytes.withUnsafeBytes { header.type.load($0.baseAddress!, i) }
            guard let id = Int32(exactly: value) else {
                throw InputError(data.path, at: "byte \(offset + i * size)", "\(value) is no token id")
            }
            ids.append(id)
        }
    }

    /// The error of an id that cannot be; `token` is its place among all.
    func error(ofID id: Int32, at token: Int, vocabularySize: Int) -> InputError {
        InputError(
            subject == prefix ? data.path : subject, at: "token \(token)", "the id \(id) is not one of a vocabulary of \(vocabularySize)",
            remedy: "tokenize the data with this model's tokenizer")
    }
}
