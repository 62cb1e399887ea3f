import ApusBase

/// The directory of a zip file whose entries are stored as they are, as PyTorch writes it (APPNOTE 6.3.10; large files as zip64).
struct ZipArchive {
    struct Entry {
        let name: String
        /// Of its first byte in the file.
        let offset: Int
        let byteCount: Int
        /// CRC-32; PyTorch writes 0 where it is told not to compute it.
        let checksum: UInt32
    }

    let file: FileReader
    let entries: [String: Entry]

    /// - Throws: an `InputError` unless the directory and all local headers are sound, no entry is compressed or encrypted, and none
    ///   reaches into another.
    init(_ file: FileReader) throws(InputError) {
        self.file = file
        let directory = try ZipDirectory.find(in: file)
        var entries: [String: Entry] = [:]
        var end = 0
        for record in try directory.records(of: file).sorted(by: { $0.headerOffset < $1.headerOffset }) {
            let offset = try Self.dataOffset(record, file)
            guard record.headerOffset >= end, record.byteCount <= directory.offset - offset else {
                throw InputError(file.path, at: record.place, "its bytes reach into those of another entry or of the directory")
            }
            end = offset + record.byteCount
            let entry = Entry(name: record.name, offset: offset, byteCount: record.byteCount, checksum: record.checksum)
            guard entries.updateValue(entry, forKey: record.name) == nil else { throw InputError(file.path, at: record.place, "occurs twice") }
        }
        self.entries = entries
    }

    /// All bytes of an entry, checked against its checksum.
    /// - Parameter limit: the most bytes it may have.
    func contents(_ entry: Entry, limit: Int) throws(InputError) -> [UInt8] {
        let place = "entry \(entry.name)"
        guard entry.byteCount <= limit else { throw InputError(file.path, at: place, "has \(entry.byteCount) bytes; at most \(limit) are read here") }
        let bytes = try file.bytes(at: entry.offset, count: entry.byteCount)
        guard entry.checksum == 0 || CRC32.checksum(bytes) == entry.checksum else {
            throw InputError(file.path, at: place, "its bytes do not have the checksum that the directory states", remedy: "fetch the file again")
        }
        return bytes
    }

    /// Where the bytes of an entry start: behind its local header, which repeats name and method.
    private static func dataOffset(_ record: ZipDirectory.Record, _ file: FileReader) throws(InputError) -> Int {
        let error = InputError(file.path, at: record.place, "there is no local header of it at byte \(record.headerOffset)")
        guard record.headerOffset <= file.byteCount - 30 else { throw error }
        let header = ZipFields(try file.bytes(at: record.headerOffset, count: 30))
        let nameCount = header.u16(26), offset = record.headerOffset + 30 + nameCount + header.u16(28)
        guard header.u32(0) == 0x0403_4B50, header.u16(8) == 0, offset <= file.byteCount,
            try file.bytes(at: record.headerOffset + 30, count: nameCount) == Array(record.name.utf8)
        else { throw error }
        return offset
    }
}

/// Little-endian numbers at offsets of a record.
struct ZipFields {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private func number(_ offset: Int, _ count: Int) -> UInt64 { bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    func u16(_ offset: Int) -> Int { Int(number(offset, 2)) }
    func u32(_ offset: Int) -> Int { Int(number(offset, 4)) }
    /// A number too large for a file becomes the largest.
    func u64(_ offset: Int) -> Int { Int(clamping: number(offset, 8)) }
}
