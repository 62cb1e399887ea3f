import ApusBase
import Glibc

/// How one value is laid out by `format` or `%`: Python's format specification.
struct FormatSpecification {
    var fill: Unicode.Scalar = " "
    /// One of `<`, `>`, `^`, `=`; nil for the type's own.
    var alignment: Unicode.Scalar?
    /// `+`, a blank, or nil.
    var sign: Unicode.Scalar?
    var width = 0
    var precision: Int?
    var groups = false
    /// A presentation type such as `d` or `f`; nil for the value's own.
    var type: Unicode.Scalar?

    /// Reads `[[fill]align][sign][0][width][,][.precision][type]`; nil if there is anything else.
    init?(_ text: String) {
        let scalars = Array(text.unicodeScalars)
        var index = 0
        func isAlignment(_ place: Int) -> Bool { place < scalars.count && ["<", ">", "^", "="].contains(scalars[place]) }
        if isAlignment(1) {
            fill = scalars[0]
            alignment = scalars[1]
            index = 2
        } else if isAlignment(0) {
            alignment = scalars[0]
            index = 1
        }
        func number() -> Int? {
            var digits = ""
            while index < scalars.count, ("0"..."9").contains(scalars[index]) {
                digits.unicodeScalars.append(scalars[index])
                index += 1
            }
            return digits.isEmpty ? nil : Int(digits) ?? Int.max
        }
        if index < scalars.count, ["+", "-", " "].contains(scalars[index]) {
            sign = scalars[index] == "-" ? nil : scalars[index]
            index += 1
        }
        if index < scalars.count, scalars[index] == "0" {
            if alignment == nil {
                fill = "0"
                alignment = "="
            }
            index += 1
        }
        width = number() ?? 0
        if index < scalars.count, scalars[index] == "," {
            groups = true
            index += 1
        }
        if index < scalars.count, scalars[index] == "." {
            index += 1
            guard let digits = number() else { return nil }
            precision = digits
        }
        if index < scalars.count {
            type = scalars[index]
            index += 1
        }
        guard index == scalars.count else { return nil }
    }
}

extension Interpreter {
    /// `str.format`: fields by position or name, `!s` and `!r`, and a specification.
    func braceFormat(_ format: String, _ arguments: CallArguments) throws(InputError) -> String {
        var result = ""
        var automatic = 0
        var rest = format.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            if scalar == "}" {
                guard rest.popFirst() == "}" else { throw failure("a single '}' in a format") }
                result += "}"
            } else if scalar != "{" {
                result.unicodeScalars.append(scalar)
            } else if rest.first == "{" {
                rest.removeFirst()
                result += "{"
            } else {
                guard let end = rest.firstIndex(of: "}") else { throw failure("a '{' in a format is not closed") }
                let field = String(rest[..<end])
                rest = rest[rest.index(after: end)...]
                let piece = try formatted(field: field, arguments, &automatic)
                try charge(string: piece.utf8.count)
                result += piece
            }
            guard result.utf8.count <= limits.outputBytes else { throw failure("a string is longer than the limit of \(limits.outputBytes) bytes") }
        }
        return result
    }

    private func formatted(field: String, _ arguments: CallArguments, _ automatic: inout Int) throws(InputError) -> String {
        let parts = field.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let names = parts[0].split(separator: "!", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(names[0])
        var value: Value
        if name.isEmpty || Int(name) != nil {
            let place = Int(name) ?? automatic
            if name.isEmpty { automatic += 1 }
            guard arguments.positional.indices.contains(place) else { throw failure("a format has no value for its field \(place)") }
            value = arguments.positional[place]
        } else {
            guard let named = arguments.named.first(where: { $0.name == name }) else {
                throw failure("a format has no value for its field \(PythonText.quoted(String(name.prefix(60))))")
            }
            value = named.value
        }
        if names.count > 1 {
            guard names[1] == "s" || names[1] == "r" else { throw failure("the conversion '!\(names[1].prefix(8))' is not supported") }
            value = .string(names[1] == "s" ? try display(value) : try representation(value))
        }
        let specification = parts.count > 1 ? String(parts[1]) : ""
        if specification.isEmpty { return try display(value) }
        guard let parsed = FormatSpecification(specification) else {
            throw failure("the format \(PythonText.quoted(String(specification.prefix(60)))) is not supported")
        }
        return try layOut(value, parsed)
    }

    /// `format % values`.
    func percentFormat(_ format: String, _ values: [Value], named: DictionaryValue?) throws(InputError) -> String {
        var result = ""
        var used = 0
        var rest = format.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "%" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            if rest.first == "%" {
                rest.removeFirst()
                result += "%"
                continue
            }
            var value: Value?
            if rest.first == "(" {
                guard let named, let end = rest.firstIndex(of: ")") else { throw failure("a '%(name)' in a format needs a dictionary") }
                value = named[try key(.string(String(rest[rest.index(after: rest.startIndex)..<end])))]
                rest = rest[rest.index(after: end)...]
                used = values.count
            } else if used < values.count {
                value = values[used]
                used += 1
            }
            guard let value else { throw failure("a format has too few values") }
            let piece = try percentField(value, &rest)
            try charge(string: piece.utf8.count)
            result += piece
            guard result.utf8.count <= limits.outputBytes else { throw failure("a string is longer than the limit of \(limits.outputBytes) bytes") }
        }
        guard used == values.count || named != nil else { throw failure("a format has too many values") }
        return result
    }

    private func percentField(_ value: Value, _ rest: inout Substring.UnicodeScalarView) throws(InputError) -> String {
        var written = ""
        var isLeft = false
        while let scalar = rest.popFirst() {
            switch scalar {
            case "-" where written.isEmpty: isLeft = true
            case "0"..."9", ".", "+", " ": written.unicodeScalars.append(scalar)
            case "s", "r", "d", "i", "f", "x", "X", "o":
                let type = scalar == "i" ? "d" : scalar == "s" || scalar == "r" ? "s" : String(scalar)
                let shown: Value = scalar == "s" ? .string(try display(value)) : scalar == "r" ? .string(try representation(value)) : value
                if isLeft, written.hasPrefix("0") { written.removeFirst() }
                let alignment = isLeft ? "<" : written.hasPrefix("0") && type != "s" ? "" : ">"
                if case .double(let number) = value, type == "d", let whole = Int(exactly: number.rounded(.towardZero)) {
                    return try percentLayout(.int(whole), alignment + written + type)
                }
                return try percentLayout(shown, alignment + written + type)
            default: throw failure("the format '%\(scalar)' is not supported")
            }
        }
        throw failure("a format ends in the middle of a field")
    }

    private func percentLayout(_ value: Value, _ specification: String) throws(InputError) -> String {
        guard let parsed = FormatSpecification(specification) else { throw failure("the format '%' with \(PythonText.quoted(specification)) is not supported") }
        return try layOut(value, parsed)
    }

    private func layOut(_ value: Value, _ layout: FormatSpecification) throws(InputError) -> String {
        try charge(string: layout.width.multipliedReportingOverflow(by: 4).overflow ? Int.max : layout.width * 4)
        if let text = value.text {
            guard layout.type == nil || layout.type == "s", layout.alignment != "=" || layout.fill == "0", !layout.groups, layout.sign == nil else {
                throw failure("this format does not work on a string")
            }
            let cut = layout.precision.map { PythonText.string(text.unicodeScalars.prefix($0)) } ?? text
            return padded(cut, sign: "", layout, alignment: layout.alignment == "=" ? "<" : layout.alignment ?? "<")
        }
        guard let number = value.number else { throw failure("a format does not work on a value of type \(value.typeName)") }
        var digits: String
        switch layout.type {
        case "f", "F": digits = try fixed(number.magnitude, digits: layout.precision ?? 6)
        case "%": digits = try fixed(number.magnitude * 100, digits: layout.precision ?? 6) + "%"
        case nil where value.integer == nil && layout.precision == nil: digits = PythonText.description(number.magnitude)
        default:
            let radixes: [Unicode.Scalar: Int] = ["d": 10, "x": 16, "X": 16, "o": 8, "b": 2]
            guard let whole = value.integer, layout.precision == nil, let radix = radixes[layout.type ?? "d"] else {
                throw failure("the presentation type of this format is not supported for a \(value.typeName)")
            }
            digits = String(whole.magnitude, radix: radix, uppercase: layout.type == "X")
        }
        if layout.groups { digits = grouped(digits) }
        let isNegative = value.integer.map { $0 < 0 } ?? (number.sign == .minus)
        let sign = isNegative ? "-" : layout.sign.map { String($0) } ?? ""
        return padded(digits, sign: sign, layout, alignment: layout.alignment ?? ">")
    }

    func fixed(_ number: Double, digits: Int) throws(InputError) -> String {
        guard digits <= 100 else { throw failure("a format's precision may be at most 100") }
        var buffer = [CChar](repeating: 0, count: 512)
        let count = withVaList([Int32(digits), number]) { vsnprintf(&buffer, buffer.count, "%.*f", $0) }
        return String(decoding: buffer[..<Int(count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func grouped(_ digits: String) -> String {
        let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let whole = Array(parts[0])
        var result = ""
        for (index, digit) in whole.enumerated() {
            if index > 0, (whole.count - index) % 3 == 0 { result += "," }
            result.append(digit)
        }
        return parts.count > 1 ? result + "." + parts[1] : result
    }

    private func padded(_ text: String, sign: String, _ layout: FormatSpecification, alignment: Unicode.Scalar) -> String {
        let missing = layout.width - text.unicodeScalars.count - sign.utf8.count
        guard missing > 0 else { return sign + text }
        func fill(_ count: Int) -> String { PythonText.string(repeatElement(layout.fill, count: count)) }
        switch alignment {
        case "<": return sign + text + fill(missing)
        case "^": return fill(missing / 2) + sign + text + fill(missing - missing / 2)
        case "=": return sign + fill(missing) + text
        default: return fill(missing) + sign + text
        }
    }
}
