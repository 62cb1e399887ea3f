/// Types of numbers in a Megatron-LM `.bin` file, by their codes in the `.idx` file.
enum IndexedType: UInt8, Sendable {
    case u8 = 1
    case i8, i16, i32, i64
    case u16 = 8

    /// The narrowest type for the ids of a vocabulary, chosen as Megatron-LM does.
    init(vocabularySize: Int) { self = vocabularySize < 65500 ? .u16 : .i32 }

    /// Bytes of a number.
    var byteCount: Int {
        switch self {
        case .u8, .i8: 1
        case .i16, .u16: 2
        case .i32: 4
        case .i64: 8
        }
    }

    /// The number at an index.
    func load(_ bytes: UnsafeRawPointer, _ index: Int) -> Int {
        let place = bytes + index * byteCount
        return switch self {
        case .u8: Int(place.load(as: UInt8.self))
        case .i8: Int(place.load(as: Int8.self))
        case .i16: Int(Int16(littleEndian: place.loadUnaligned(as: Int16.self)))
        case .u16: Int(UInt16(littleEndian: place.loadUnaligned(as: UInt16.self)))
        case .i32: Int(Int32(littleEndian: place.loadUnaligned(as: Int32.self)))
        case .i64: Int(Int64(littleEndian: place.loadUnaligned(as: Int64.self)))
        }
    }
}
