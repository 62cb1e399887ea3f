/// The general category of a code point (Unicode Standard, table 4-4), numbered as in the generated table.
///
/// `whiteControl` is our own: the control characters that are also White_Space, so that every class a
/// pattern can name (`\p{…}`, `\s`, `\d`, `\w`) is a set of categories.
enum UnicodeCategory: UInt8 {
    case unassigned
    case uppercaseLetter, lowercaseLetter, titlecaseLetter, modifierLetter, otherLetter
    case nonspacingMark, spacingMark, enclosingMark
    case decimalNumber, letterNumber, otherNumber
    case connectorPunctuation, dashPunctuation, openPunctuation, closePunctuation
    case initialPunctuation, finalPunctuation, otherPunctuation
    case mathSymbol, currencySymbol, modifierSymbol, otherSymbol
    case spaceSeparator, lineSeparator, paragraphSeparator
    case control, format, privateUse, whiteControl
}

/// A set of categories, one bit each.
struct CategorySet: OptionSet, Sendable, Equatable {
    let rawValue: UInt32

    init(rawValue: UInt32) { self.rawValue = rawValue }
    init(_ categories: UnicodeCategory...) { rawValue = categories.reduce(0) { $0 | 1 << UInt32($1.rawValue) } }

    // Written as bits so that scanners compare with constants.
    static var all: CategorySet { CategorySet(rawValue: 0x3FFF_FFFF) }
    static var cased: CategorySet { CategorySet(rawValue: 0xE) }
    static var letters: CategorySet { CategorySet(rawValue: 0x3E) }
    static var marks: CategorySet { CategorySet(rawValue: 0x1C0) }
    static var numbers: CategorySet { CategorySet(rawValue: 0xE00) }
    static var punctuation: CategorySet { CategorySet(rawValue: 0x7_F000) }
    static var symbols: CategorySet { CategorySet(rawValue: 0x78_0000) }
    static var separators: CategorySet { CategorySet(rawValue: 0x380_0000) }
    static var whiteSpace: CategorySet { CategorySet(rawValue: 0x2380_0000) }
    static var words: CategorySet { letters.union(marks).union(CategorySet(rawValue: 1 << 9 | 1 << 12)) }

    @inline(__always) func has(_ category: UInt8) -> Bool { rawValue &>> UInt32(category) & 1 != 0 }
}

/// The category of every code point, flat for the planes in daily use.
///
/// Expanded once from 9 KB of text (0.1 ms); immutable afterwards.
final class UnicodeCategories: @unchecked Sendable {
    /// Above this only tags, variation selectors and private use are assigned.
    static let flatEnd = 0x32000

    static let shared = UnicodeCategories()

    let flat: UnsafePointer<UInt8>
    private let owned: UnsafeMutablePointer<UInt8>
    private let tail: [(end: Int, category: UInt8)]

    private init() {
        owned = .allocate(capacity: Self.flatEnd)
        flat = UnsafePointer(owned)
        var tail: [(end: Int, category: UInt8)] = []
        var start = 0
        var category: UInt8?
        var length = 0
        var shift = 0
        for byte in UnsafeBufferPointer(start: Self.runs.utf8Start, count: Self.runs.utf8CodeUnitCount) where byte >= 0x30 {
            let value = Int(byte - 0x30)
            guard let current = category else {
                category = UInt8(value)
                continue
            }
            length += (value & 31) << shift
            shift += 5
            if value >= 32 { continue }
            let end = start + length
            for c in start..<max(start, min(end, Self.flatEnd)) { owned[c] = current }
            if end > Self.flatEnd { tail.append((end, current)) }
            (start, category, length, shift) = (end, nil, 0, 0)
        }
        self.tail = tail
    }

    deinit { owned.deallocate() }

    @inline(__always) func category(_ codePoint: UInt32) -> UInt8 {
        codePoint < UInt32(Self.flatEnd) ? flat[Int(codePoint)] : distantCategory(codePoint)
    }

    @inline(never) private func distantCategory(_ codePoint: UInt32) -> UInt8 {
        for run in tail where codePoint < UInt32(run.end) { return run.category }
        return UnicodeCategory.unassigned.rawValue
    }
}
