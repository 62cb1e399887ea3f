import ApusBase

/// The central directory of a zip file: where it lies, and its records.
struct ZipDirectory {
    /// What the directory says of an entry.
    struct Record {
        var name: String
        var checksum: UInt32
        var byteCount: Int
        /// Of the local header.
        var headerOffset: Int

        var place: String { "entry \(name.prefix(80))" }
    }

    let offset: Int
    let byteCount: Int
    let count: Int

    /// Looks for the record that ends the file; that of zip64 stands before it where there is one.
    static func find(in file: FileReader) throws(InputError) -> ZipDirectory {
        guard file.byteCount >= 4, try file.bytes(at: 0, count: 4) == [0x50, 0x4B, 3, 4] else {
            throw InputError(
                file.path, at: "byte 0", "no zip file, as PyTorch writes them since 1.6",
                remedy: "load it in PyTorch and save it again with torch.save, or fetch the model's safetensors")
        }
        let start = max(file.byteCount - 22 - 0xFFFF, 0), tail = try file.bytes(at: start, count: file.byteCount - start)
        let fields = ZipFields(tail)
        let places = stride(from: tail.count - 22, through: 0, by: -1)
        guard let at = places.first(where: { fields.u32($0) == 0x0605_4B50 && $0 + 22 + fields.u16($0 + 20) == tail.count }) else {
            throw InputError(file.path, at: "byte \(file.byteCount)", "the zip file's directory is missing", remedy: "the file is truncated; fetch it again")
        }
        let end = start + at
        if at >= 20, fields.u32(at - 20) == 0x0706_4B50 { return try largeDirectory(fields.u64(at - 12), locator: end - 20, file) }
        let directory = ZipDirectory(offset: fields.u32(at + 16), byteCount: fields.u32(at + 12), count: fields.u16(at + 10))
        return try directory.checked(end: end, disk: fields.u16(at + 4) | fields.u16(at + 6), file)
    }

    private static func largeDirectory(_ offset: Int, locator: Int, _ file: FileReader) throws(InputError) -> ZipDirectory {
        guard offset <= locator - 56, case let fields = ZipFields(try file.bytes(at: offset, count: 56)), fields.u32(0) == 0x0606_4B50 else {
            throw InputError(file.path, at: "byte \(locator)", "the zip64 record that it points to is not there")
        }
        let directory = ZipDirectory(offset: fields.u64(48), byteCount: fields.u64(40), count: fields.u64(32))
        return try directory.checked(end: offset, disk: fields.u32(16) | fields.u32(20), file)
    }

    /// - Parameters:
    ///   - end: where the directory must end.
    ///   - disk: 0 unless the archive has several files.
    private func checked(end: Int, disk: Int, _ file: FileReader) throws(InputError) -> ZipDirectory {
        guard disk == 0 else { throw InputError(file.path, at: "byte \(end)", "the zip file is a part of one in several files") }
        guard offset <= end, byteCount == end - offset, count <= byteCount / 46 else {
            throw InputError(file.path, at: "byte \(end)", "a directory of \(count) entries and \(byteCount) bytes at byte \(offset) does not end here")
        }
        guard count <= CheckpointLimits.zipEntries, byteCount <= CheckpointLimits.indexByteCount else {
            throw InputError(file.path, at: "byte \(offset)", "the directory has more than \(CheckpointLimits.zipEntries) entries or is too long")
        }
        return self
    }

    // MARK: Records

    func records(of file: FileReader) throws(InputError) -> [Record] {
        let bytes = try file.bytes(at: offset, count: byteCount)
        var records: [Record] = []
        var at = 0
        for _ in 0..<count {
            func error(_ rule: String) -> InputError { InputError(file.path, at: "byte \(offset + at)", rule) }
            guard at <= byteCount - 46, case let fields = ZipFields(Array(bytes[at..<at + 46])), fields.u32(0) == 0x0201_4B50 else {
                throw error("a record of the zip file's directory must stand here")
            }
            let name = at + 46, extra = name + fields.u16(28), next = extra + fields.u16(30) + fields.u16(32)
            guard next <= byteCount, let text = String(validating: bytes[name..<extra], as: UTF8.self) else {
                throw error("the entry's name is not valid UTF-8, or its record reaches beyond the directory")
            }
            guard fields.u16(8) & 1 == 0 else { throw error("\(text.prefix(80)) is encrypted") }
            guard fields.u16(10) == 0 else {
                throw InputError(
                    file.path, at: "entry \(text.prefix(80))", "is compressed (method \(fields.u16(10))), but PyTorch stores its entries as they are",
                    remedy: "write the file with torch.save")
            }
            var record = Record(name: text, checksum: UInt32(fields.u32(16)), byteCount: fields.u32(24), headerOffset: fields.u32(42))
            let sizes = try Self.resolve(&record, compressed: fields.u32(20), ZipFields(Array(bytes[extra..<extra + fields.u16(30)])), error)
            guard sizes == record.byteCount else { throw error("\(text.prefix(80)) is stored, but has two sizes") }
            records.append(record)
            at = next
        }
        guard at == byteCount else { throw InputError(file.path, at: "byte \(offset + at)", "the directory has bytes behind its last record") }
        return records
    }

    /// Takes numbers that do not fit 32 bits from the zip64 field, and returns the size in the file.
    private static func resolve(
        _ record: inout Record, compressed: Int, _ extra: ZipFields, _ error: (String) -> InputError
    ) throws(InputError) -> Int {
        let limit = 0xFFFF_FFFF
        guard record.byteCount == limit || compressed == limit || record.headerOffset == limit else { return compressed }
        var at = 0
        while at + 4 <= extra.bytes.count, extra.u16(at) != 1 { at += 4 + extra.u16(at + 2) }
        guard at + 4 <= extra.bytes.count, at + 4 + extra.u16(at + 2) <= extra.bytes.count else { throw error("the entry's zip64 field is missing") }
        let end = at + 4 + extra.u16(at + 2)
        at += 4
        func next(_ value: Int) throws(InputError) -> Int {
            guard value == limit else { return value }
            guard at + 8 <= end else { throw error("the entry's zip64 field is too short") }
            defer { at += 8 }
            return extra.u64(at)
        }
        record.byteCount = try next(record.byteCount)
        let compressed = try next(compressed)
        record.headerOffset = try next(record.headerOffset)
        return compressed
    }
}
