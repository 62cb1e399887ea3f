/// Reads the numbers of the generated tables: base 32, low digit first, digits that more follow raised by 32, each symbol 0x30 plus its value.
struct NumberReader {
    private var p: UnsafePointer<UInt8>
    private let end: UnsafePointer<UInt8>

    init(_ text: StaticString) {
        p = text.utf8Start
        end = p + text.utf8CodeUnitCount
        skipBreaks()
    }

    var isAtEnd: Bool { p >= end }

    /// The value of one symbol.
    mutating func symbol() -> Int {
        let value = Int(p[0]) - 0x30
        p += 1
        skipBreaks()
        return value
    }

    mutating func number() -> Int {
        var (value, shift) = (0, 0)
        while true {
            let digit = symbol()
            value += (digit & 31) << shift
            if digit < 32 { return value }
            shift += 5
        }
    }

    /// Line breaks and indentation of the source.
    private mutating func skipBreaks() {
        while p < end, p[0] < 0x30 { p += 1 }
    }
}
