@testable import ApusCheckpoints

/// Zip files by hand, of stored entries.
struct ZipBytes {
    var bytes: [UInt8] = []
    var directory: [UInt8] = []
    var count: UInt64 = 0

    private func little(_ number: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: number.littleEndian) { Array($0) } }

    /// - Parameters:
    ///   - local: the name in the local header where it is another.
    ///   - size: what the directory states instead of the bytes there are.
    ///   - isLarge: sizes and offset stand in a zip64 field.
    mutating func add(
        _ name: String, _ data: [UInt8], method: UInt16 = 0, flags: UInt16 = 0, checksum: UInt32? = nil, local: String? = nil, size: UInt64? = nil,
        offset: UInt64? = nil, isLarge: Bool = false
    ) {
        let checksum = checksum ?? CRC32.checksum(data), size = size ?? UInt64(data.count), offset = offset ?? UInt64(bytes.count)
        let local = local ?? name
        bytes += little(UInt32(0x0403_4B50)) + little(UInt16(20)) + little(flags) + little(method) + little(UInt32(0)) + little(checksum)
        bytes += little(UInt32(data.count)) + little(UInt32(data.count)) + little(UInt16(local.utf8.count)) + little(UInt16(0)) + Array(local.utf8) + data
        let extra = isLarge ? little(UInt16(1)) + little(UInt16(24)) + little(size) + little(size) + little(offset) : []
        let short = { (number: UInt64) in isLarge ? UInt32.max : UInt32(truncatingIfNeeded: number) }
        directory += little(UInt32(0x0201_4B50)) + little(UInt32(0)) + little(flags) + little(method) + little(UInt32(0)) + little(checksum)
        directory += little(short(size)) + little(short(size)) + little(UInt16(name.utf8.count)) + little(UInt16(extra.count)) + little(UInt16(0))
        directory += little(UInt64(0)) + little(short(offset)) + Array(name.utf8) + extra
        count += 1
    }

    /// - Parameter offset: where the end says that the directory starts; there unless given.
    func finished(isLarge: Bool = false, count stated: UInt64? = nil, offset: UInt64? = nil, disk: UInt16 = 0) -> [UInt8] {
        let count = stated ?? self.count, offset = offset ?? UInt64(bytes.count), size = UInt64(directory.count)
        var end: [UInt8] = []
        if isLarge {
            let at = UInt64(bytes.count + directory.count)
            end += little(UInt32(0x0606_4B50)) + little(UInt64(44)) + little(UInt32(0)) + little(UInt32(disk)) + little(UInt32(0))
            end += little(count) + little(count) + little(size) + little(offset)
            end += little(UInt32(0x0706_4B50)) + little(UInt32(0)) + little(at) + little(UInt32(1))
        }
        end += little(UInt32(0x0605_4B50)) + little(disk) + little(disk) + little(UInt16(truncatingIfNeeded: count)) + little(UInt16(truncatingIfNeeded: count))
        end += little(UInt32(truncatingIfNeeded: size)) + little(UInt32(truncatingIfNeeded: offset)) + little(UInt16(0))
        return bytes + directory + end
    }

    /// A file of torch.save with a pickle and its storages.
    static func pytorch(_ pickle: [UInt8], storages: [[UInt8]] = [[UInt8](repeating: 1, count: 24)], byteOrder: String = "little") -> [UInt8] {
        var zip = ZipBytes()
        zip.add("a/data.pkl", pickle)
        zip.add("a/byteorder", Array(byteOrder.utf8))
        for (index, storage) in storages.enumerated() { zip.add("a/data/\(index)", storage) }
        zip.add("a/version", Array("3\n".utf8))
        return zip.finished(isLarge: true)
    }
}

/// Pickles by hand.
enum PickleBytes {
    static func text(_ text: String) -> [UInt8] { [0x58] + withUnsafeBytes(of: UInt32(text.utf8.count).littleEndian) { Array($0) } + Array(text.utf8) }

    static func number(_ value: Int) -> [UInt8] { [0x8A, 8] + withUnsafeBytes(of: Int64(value).littleEndian) { Array($0) } }

    static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

    static func tuple(_ values: [[UInt8]]) -> [UInt8] { [0x28] + values.joined() + [0x74] }

    static let hooks = global("collections", "OrderedDict") + [0x29, 0x52]

    static func storage(_ key: String = "0", type: String = "FloatStorage", count: Int = 6) -> [UInt8] {
        tuple([text("storage"), global("torch", type), text(key), text("cpu"), number(count)]) + [0x51]
    }

    static func tensor(_ shape: [Int], _ strides: [Int], offset: Int = 0, in storage: [UInt8] = storage()) -> [UInt8] {
        global("torch._utils", "_rebuild_tensor_v2")
            + tuple([storage, number(offset), tuple(shape.map(number)), tuple(strides.map(number)), [0x89], hooks]) + [0x52]
    }

    /// A whole pickle of a dictionary.
    static func state(_ pairs: [(name: String, value: [UInt8])]) -> [UInt8] {
        [0x80, 2, 0x7D, 0x71, 0, 0x28] + pairs.flatMap { text($0.name) + $0.value } + [0x75, 0x2E]
    }
}

extension SampleFiles {
    /// Views of two storages.
    static var pytorch: [UInt8] {
        let pickle = PickleBytes.state([
            ("w", PickleBytes.tensor([2, 3], [3, 1])), ("t", PickleBytes.tensor([3, 2], [1, 3])), ("e", PickleBytes.tensor([0, 4], [4, 1], offset: 6)),
            ("h", PickleBytes.tensor([2], [1], offset: 1, in: PickleBytes.storage("1", type: "HalfStorage", count: 3))),
        ])
        return ZipBytes.pytorch(pickle, storages: [[UInt8](repeating: 3, count: 24), [UInt8](repeating: 5, count: 6)])
    }
}
