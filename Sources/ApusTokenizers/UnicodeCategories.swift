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

    static let all = CategorySet(rawValue: 1 << 30 - 1)
    static let cased: CategorySet = [CategorySet(.uppercaseLetter), CategorySet(.titlecaseLetter), CategorySet(.lowercaseLetter)]
    static let letters = cased.union(CategorySet(.modifierLetter, .otherLetter))
    static let marks = CategorySet(.nonspacingMark, .spacingMark, .enclosingMark)
    static let numbers = CategorySet(.decimalNumber, .letterNumber, .otherNumber)
    static let punctuation = CategorySet(
        .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
        .initialPunctuation, .finalPunctuation, .otherPunctuation)
    static let symbols = CategorySet(.mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol)
    static let separators = CategorySet(.spaceSeparator, .lineSeparator, .paragraphSeparator)
    static let whiteSpace = separators.union(CategorySet(.whiteControl))
    static let words = letters.union(marks).union(CategorySet(.decimalNumber, .connectorPunctuation))

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
