/// Strings as Python sees them: sequences of code points, compared by code point.
enum PythonText {
    /// What `str.isspace` holds for blank.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    static func areEqual(_ one: String, _ other: String) -> Bool {
        one.utf8.count == other.utf8.count && one.utf8.elementsEqual(other.utf8)
    }

    /// The order of code points, which is the order of UTF-8 bytes.
    static func isLess(_ one: String, _ other: String) -> Bool { one.utf8.lexicographicallyPrecedes(other.utf8) }

    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }

    /// `repr` of a string.
    static func quoted(_ text: String) -> String {
        let hasSingle = text.utf8.contains(0x27)
        let quote: Unicode.Scalar = hasSingle && !text.utf8.contains(0x22) ? "\"" : "'"
        var result = String.UnicodeScalarView()
        result.append(quote)
        for scalar in text.unicodeScalars {
            switch scalar {
            case quote, "\\": result.append(contentsOf: ["\\", scalar])
            case "\n": result.append(contentsOf: ["\\", "n"])
            case "\r": result.append(contentsOf: ["\\", "r"])
            case "\t": result.append(contentsOf: ["\\", "t"])
            case _ where isPrintable(scalar): result.append(scalar)
            default:
                let (mark, width): (Unicode.Scalar, Int) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
                result.append(contentsOf: ["\\", mark])
                result.append(contentsOf: hexadecimal(scalar.value, width: width).unicodeScalars)
            }
        }
        result.append(quote)
        return String(result)
    }

    static func hexadecimal(_ value: UInt32, width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// `repr` of a float: the shortest digits that read back as the same number.
    static func description(_ value: Double) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        let written = value.magnitude.description
        var digits: [Character] = []
        var exponent = 0
        var mantissa = Substring(written)
        if let mark = written.firstIndex(of: "e") {
            exponent = Int(written[written.index(after: mark)...]) ?? 0
            mantissa = written[..<mark]
        }
        let point = mantissa.firstIndex(of: ".") ?? mantissa.endIndex
        exponent += mantissa.distance(from: mantissa.startIndex, to: point)
        digits = mantissa.filter { $0 != "." }
        while digits.count > 1, digits.first == "0" {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.count > 1, digits.last == "0" { digits.removeLast() }
        let sign = value.sign == .minus ? "-" : ""
        if digits == ["0"] { return sign + "0.0" }
        return sign + placed(digits, exponent: exponent)
    }

    /// The number 0.DIGITS × 10^exponent in Python's choice of notation.
    private static func placed(_ digits: [Character], exponent: Int) -> String {
        let power = exponent - 1
        if power < -4 || power >= 16 {
            let fraction = digits.count > 1 ? "." + String(digits.dropFirst()) : ""
            let magnitude = String(power.magnitude)
            return "\(digits[0])\(fraction)e\(power < 0 ? "-" : "+")\(magnitude.count < 2 ? "0" : "")\(magnitude)"
        }
        if exponent <= 0 { return "0." + String(repeating: "0", count: -exponent) + String(digits) }
        if digits.count <= exponent { return String(digits) + String(repeating: "0", count: exponent - digits.count) + ".0" }
        return String(digits[..<exponent]) + "." + String(digits[exponent...])
    }

    static func string(_ scalars: some Swift.Sequence<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    /// The text without the blanks, or without the given characters, at its chosen ends.
    static func stripped(_ text: String, of characters: String? = nil, left: Bool = true, right: Bool = true) -> String {
        let set = characters.map { Set($0.unicodeScalars) }
        func drops(_ scalar: Unicode.Scalar) -> Bool { set.map { $0.contains(scalar) } ?? isSpace(scalar) }
        var view = text.unicodeScalars[...]
        while left, let first = view.first, drops(first) { view.removeFirst() }
        while right, let last = view.last, drops(last) { view.removeLast() }
        return String(view)
    }

    /// `str.splitlines`, without the line ends.
    static func lines(_ text: String) -> [String] {
        var lines: [String] = []
        let scalars = text.unicodeScalars
        var start = scalars.startIndex
        var index = start
        while index < scalars.endIndex {
            let scalar = scalars[index]
            let after = scalars.index(after: index)
            switch scalar.value {
            case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029:
                lines.append(String(scalars[start..<index]))
                start = scalar == "\r" && after < scalars.endIndex && scalars[after] == "\n" ? scalars.index(after: after) : after
                index = start
            default: index = after
            }
        }
        if start < scalars.endIndex { lines.append(String(scalars[start...])) }
        return lines
    }

    /// What MarkupSafe's `escape` gives.
    static func escaped(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result.append(contentsOf: "&amp;".unicodeScalars)
            case "<": result.append(contentsOf: "&lt;".unicodeScalars)
            case ">": result.append(contentsOf: "&gt;".unicodeScalars)
            case "'": result.append(contentsOf: "&#39;".unicodeScalars)
            case "\"": result.append(contentsOf: "&#34;".unicodeScalars)
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    static func lowercased(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        var result = ""
        for (index, scalar) in scalars.enumerated() {
            if scalar == "Σ" {
                result += isFinalSigma(scalars, at: index) ? "ς" : "σ"
            } else {
                result += scalar.properties.lowercaseMapping
            }
        }
        return result
    }

    /// Unicode's rule for a sigma at the end of a word.
    private static func isFinalSigma(_ scalars: [Unicode.Scalar], at index: Int) -> Bool {
        let before = scalars[..<index].last { !$0.properties.isCaseIgnorable }
        let after = scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable }
        return (before?.properties.isCased ?? false) && !(after?.properties.isCased ?? false)
    }

    static func uppercased(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { $0 += $1.properties.uppercaseMapping }
    }

    static func capitalized(_ text: String) -> String {
        guard let first = text.unicodeScalars.first else { return "" }
        return first.properties.titlecaseMapping + lowercased(String(text.unicodeScalars.dropFirst()))
    }
}
