/// Many byte strings in one piece of memory: token texts and merges, which come by the hundred thousand.
/// Public, unlike the rest of what reads files, so that other modules compile its generic members for their own types.
public struct StringTable: Sendable {
    /// All strings, one after the other.
    public private(set) var bytes: [UInt8] = []
    /// Where each string starts, and at the end where the last one ends.
    public private(set) var offsets: [Int] = [0]

    /// No strings.
    public init() {}

    /// The strings in their order, as UTF-8.
    public init(_ strings: some Sequence<String>) {
        for string in strings { append(string.utf8) }
    }

    /// How many strings.
    @inlinable public var count: Int { offsets.count - 1 }

    /// Makes room for `count` strings of `byteCount` bytes together, those that are there included.
    public mutating func reserve(count: Int, byteCount: Int) {
        offsets.reserveCapacity(count + 1)
        bytes.reserveCapacity(byteCount)
    }

    /// Adds a string at the end.
    public mutating func append(_ string: some Collection<UInt8>) {
        bytes.append(contentsOf: string)
        offsets.append(bytes.count)
    }

    /// Adds a copy of the bytes at the end.
    public mutating func append(_ string: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: string)
        offsets.append(bytes.count)
    }

    /// The bytes of one string.
    @inlinable public subscript(index: Int) -> ArraySlice<UInt8> { bytes[offsets[index]..<offsets[index + 1]] }

    /// One string, with U+FFFD for what is not UTF-8.
    public func string(_ index: Int) -> String { String(decoding: self[index], as: UTF8.self) }
}
