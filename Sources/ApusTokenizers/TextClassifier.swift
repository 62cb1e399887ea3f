/// Code points with their categories, as the hand-written scanners and the pattern matcher read them.
struct TextClassifier {
    struct Item {
        var category: UInt8
        var length: Int
    }

    let flat = UnicodeCategories.shared.flat

    @inline(__always)
    func item(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Item {
        let byte = p[0]
        if byte < 0x80 { return Item(category: flat[Int(byte)], length: 1) }
        return multibyteItem(p, end)
    }

    @inline(never)
    private func multibyteItem(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Item {
        let scalar = UTF8Scanning.multibyteScalar(p, end)
        if scalar.length == 1 { return Item(category: UnicodeCategory.unassigned.rawValue, length: 1) }
        return Item(category: UnicodeCategories.shared.category(scalar.value), length: scalar.length)
    }

    /// Where the run of code points in `set` that starts at `p` ends.
    @inline(__always)
    func run(of set: CategorySet, _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
        var p = p
        while p < end {
            let item = item(p, end)
            guard set.has(item.category) else { break }
            p += item.length
        }
        return p
    }
}
