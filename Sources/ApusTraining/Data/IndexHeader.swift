import ApusBase

/// The fixed part of a Megatron-LM `.idx` file, and where the tables behind it lie.
///
/// `MMIDIDX\0\0`, u64 version 1, u8 type, u64 sequences, u64 documents + 1; then i32 lengths and i64 byte offsets of the sequences, and
/// the i64 numbers of the sequences that documents begin with, the last one the end.
struct IndexHeader {
    static let magic = Array("MMIDIDX\0\0".utf8)
    static let byteCount = 34

    let type: IndexedType
    let sequences: Int
    let documents: Int

    var lengths: Int { Self.byteCount }
    var offsets: Int { lengths + 4 * sequences }
    var boundaries: Int { offsets + 8 * sequences }

    /// - Throws: an `InputError` unless the file has the header and exactly the bytes that it says.
    init(_ file: FileReader) throws(InputError) {
        func error(_ offset: Int, _ rule: String, _ remedy: String? = nil) -> InputError {
            InputError(file.path, at: "byte \(offset)", rule, remedy: remedy)
        }
        guard file.byteCount >= Self.byteCount else { throw error(file.byteCount, "the file ends within the header of \(Self.byteCount) bytes") }
        let bytes = try file.bytes(at: 0, count: Self.byteCount)
        guard bytes.starts(with: Self.magic) else { throw error(0, "the file does not begin with MMIDIDX", "give the .idx file of Megatron-LM") }
        func number(_ offset: Int) -> UInt64 { (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) } }
        guard number(9) == 1 else { throw error(9, "the version is \(number(9)), but only 1 is known") }
        guard let type = IndexedType(rawValue: bytes[17]) else {
            throw error(17, "the type code \(bytes[17]) is none of whole numbers", "write token ids as u8, u16, i16, i32 or i64")
        }
        let sequences = number(18), boundaries = number(26)
        guard boundaries >= 1 else { throw error(26, "there are no document boundaries, not even the end") }
        let limit = UInt64(file.byteCount)
        guard sequences <= limit, boundaries <= limit, Self.byteCount + 12 * Int(sequences) + 8 * Int(boundaries) == file.byteCount else {
            throw error(18, "\(sequences) sequences and \(boundaries) boundaries do not make a file of \(file.byteCount) bytes", "it is truncated or damaged")
        }
        self.type = type
        self.sequences = Int(sequences)
        documents = Int(boundaries) - 1
    }
}
