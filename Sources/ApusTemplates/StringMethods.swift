import ApusBase

/// The methods of strings that a template can call.
enum StringMethod: String {
    case capitalize, center, count, endswith, find, format, index, isalnum, isalpha, isascii, isdecimal, isdigit, islower, isnumeric
    case isspace, isupper, join, ljust, lower, lstrip, partition, removeprefix, removesuffix, replace, rfind, rindex, rjust
    case rpartition, rsplit, rstrip, split, splitlines, startswith, strip, swapcase, title, upper, zfill
}

extension Interpreter {
    func call(_ method: MethodValue, _ arguments: CallArguments) throws(InputError) -> Value {
        switch method.receiver {
        case .string(let text):
            guard let name = StringMethod(rawValue: method.name) else { break }
            try charge(bytes: text.utf8.count)
            return try call(name, on: text, arguments)
        case .markup(let text):
            guard let name = StringMethod(rawValue: method.name) else { break }
            try charge(bytes: text.utf8.count)
            return try callOnMarkup(name, text, arguments)
        case .dictionary(let dictionary): return try call(method.name, on: dictionary, arguments)
        case .sequence(let sequence): return try call(method.name, on: sequence, arguments)
        case .loop(let loop):
            guard !arguments.positional.isEmpty, arguments.named.isEmpty else { throw failure("'loop.cycle' needs values") }
            return arguments.positional[loop.index % arguments.positional.count]
        default: break
        }
        throw failure("the method '\(method.name)' is unknown")
    }

    /// Methods of a string marked safe keep the mark; those that would escape their arguments are refused.
    private func callOnMarkup(_ method: StringMethod, _ text: String, _ arguments: CallArguments) throws(InputError) -> Value {
        switch method {
        case .format, .join, .replace, .center, .ljust, .rjust, .zfill, .split, .rsplit, .splitlines, .partition, .rpartition:
            throw failure("'\(method.rawValue)' is not supported on a string marked safe; use the filter 'string' first")
        default:
            let result = try call(method, on: text, arguments)
            if case .string(let changed) = result { return .markup(changed) }
            return result
        }
    }

    private func call(_ method: StringMethod, on text: String, _ arguments: CallArguments) throws(InputError) -> Value {
        let name = method.rawValue
        switch method {
        case .format: return .string(try braceFormat(text, arguments))
        case .split, .rsplit: return try split(text, arguments, fromRight: method == .rsplit)
        case .strip, .lstrip, .rstrip:
            let given = try bind(arguments, to: ["chars"], of: name)[0]
            let characters = try optionalText(given, for: name)
            return .string(PythonText.stripped(text, of: characters, left: method != .rstrip, right: method != .lstrip))
        case .startswith, .endswith: return .bool(try hasEdge(text, arguments, atStart: method == .startswith, of: name))
        case .find, .index, .rfind, .rindex, .count: return try search(method, text, arguments)
        case .replace:
            let values = try bind(arguments, to: ["old", "new", "count"], required: 2, of: name)
            let limit = try values[2].map { (value) throws(InputError) in try integer(value, for: name) } ?? -1
            return .string(try replace(text, try self.text(values[0]!, for: name), try self.text(values[1]!, for: name), limit: limit))
        case .join:
            let elements = try iterate(try bind(arguments, to: ["iterable"], required: 1, of: name)[0]!)
            var parts: [String] = []
            for element in elements { parts.append(try self.text(element, for: name)) }
            return .string(try joined(parts, by: text))
        case .partition, .rpartition: return try partition(text, arguments, fromRight: method == .rpartition)
        case .removeprefix, .removesuffix:
            let part = try self.text(try bind(arguments, to: ["part"], required: 1, of: name)[0]!, for: name)
            return .string(try removing(part, from: text, atStart: method == .removeprefix))
        case .splitlines:
            let keeps = try bind(arguments, to: ["keepends"], of: name)[0]
            guard keeps?.isTrue != true else { throw failure("'splitlines' with kept line ends is not supported") }
            return try makeList(PythonText.lines(text).map { .string($0) })
        case .center, .ljust, .rjust, .zfill: return .string(try pad(method, text, arguments))
        default:
            _ = try bind(arguments, to: [], of: name)
            return plainCall(method, on: text)
        }
    }

    private func plainCall(_ method: StringMethod, on text: String) -> Value {
        let scalars = text.unicodeScalars
        func all(_ holds: (Unicode.Scalar) -> Bool) -> Value { .bool(!scalars.isEmpty && scalars.allSatisfy(holds)) }
        switch method {
        case .capitalize: return .string(PythonText.capitalized(text))
        case .lower: return .string(PythonText.lowercased(text))
        case .upper: return .string(PythonText.uppercased(text))
        case .title: return .string(titled(text))
        case .swapcase:
            return .string(
                scalars.reduce(into: "") { $0 += $1.properties.isUppercase ? $1.properties.lowercaseMapping : $1.properties.uppercaseMapping })
        case .isascii: return .bool(text.utf8.allSatisfy { $0 < 0x80 })
        case .islower: return .bool(isCased(text, .lowercase))
        case .isupper: return .bool(isCased(text, .uppercase))
        case .isspace: return all(PythonText.isSpace)
        case .isalpha: return all { $0.isLetter }
        case .isalnum: return all { $0.isLetter || $0.properties.numericType != nil }
        case .isdecimal: return all { $0.properties.numericType == .decimal }
        case .isdigit: return all { $0.properties.numericType == .decimal || $0.properties.numericType == .digit }
        default: return all { $0.properties.numericType != nil }
        }
    }

    private func titled(_ text: String) -> String {
        var result = ""
        var followsCased = false
        for scalar in text.unicodeScalars {
            result += followsCased ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
            followsCased = scalar.properties.isCased
        }
        return result
    }

    private func optionalText(_ value: Value?, for function: String) throws(InputError) -> String? {
        guard let value else { return nil }
        if case .none = value { return nil }
        return try text(value, for: function)
    }

    private func hasEdge(_ text: String, _ arguments: CallArguments, atStart: Bool, of name: String) throws(InputError) -> Bool {
        let given = try bind(arguments, to: ["part"], required: 1, of: name)[0]!
        var parts = [given]
        if case .sequence(let sequence) = given, sequence.kind == .tuple { parts = sequence.elements }
        for value in parts {
            let part = try self.text(value, for: name)
            try charge(bytes: part.utf8.count)
            let fits = atStart ? text.utf8.starts(with: part.utf8) : text.utf8.reversed().starts(with: part.utf8.reversed())
            if fits { return true }
        }
        return false
    }

    private func removing(_ part: String, from text: String, atStart: Bool) throws(InputError) -> String {
        let fits = atStart ? text.utf8.starts(with: part.utf8) : text.utf8.reversed().starts(with: part.utf8.reversed())
        guard fits else { return text }
        let kept = text.utf8.count - part.utf8.count
        return String(atStart ? text.utf8.suffix(kept) : text.utf8.prefix(kept)) ?? text
    }

    private func split(_ text: String, _ arguments: CallArguments, fromRight: Bool) throws(InputError) -> Value {
        let name = fromRight ? "rsplit" : "split"
        let values = try bind(arguments, to: ["sep", "maxsplit"], of: name)
        let given = try values[1].map { (value) throws(InputError) in try integer(value, for: name) } ?? -1
        let limit = given < 0 ? Int.max : given
        try charge(elements: text.utf8.count / 4)
        guard let separator = try optionalText(values[0], for: name) else {
            return try makeList(splitAtSpace(text, limit: limit, fromRight: fromRight).map { .string($0) })
        }
        guard !separator.isEmpty else { throw failure("'\(name)' needs a separator that is not empty") }
        let bytes = Array(text.utf8)
        let places = try self.places(of: separator, in: bytes, limit: limit, fromRight: fromRight)
        var parts: [Value] = []
        var start = 0
        for place in places {
            parts.append(.string(String(decoding: bytes[start..<place], as: UTF8.self)))
            start = place + separator.utf8.count
        }
        parts.append(.string(String(decoding: bytes[start...], as: UTF8.self)))
        return try makeList(parts)
    }

    private func splitAtSpace(_ text: String, limit: Int, fromRight: Bool) -> [String] {
        let scalars = fromRight ? Array(text.unicodeScalars.reversed()) : Array(text.unicodeScalars)
        var words: [[Unicode.Scalar]] = []
        var index = 0
        while true {
            while index < scalars.count, PythonText.isSpace(scalars[index]) { index += 1 }
            if index == scalars.count { break }
            if words.count == limit {
                words.append(Array(scalars[index...]))
                break
            }
            let start = index
            while index < scalars.count, !PythonText.isSpace(scalars[index]) { index += 1 }
            words.append(Array(scalars[start..<index]))
        }
        return fromRight ? words.reversed().map { PythonText.string($0.reversed()) } : words.map { PythonText.string($0) }
    }

    private func pad(_ method: StringMethod, _ text: String, _ arguments: CallArguments) throws(InputError) -> String {
        let name = method.rawValue
        let values = try bind(arguments, to: method == .zfill ? ["width"] : ["width", "fillchar"], required: 1, of: name)
        let width = try integer(values[0]!, for: name)
        let fill = method == .zfill ? "0" : try values.last!.map { (value) throws(InputError) in try self.text(value, for: name) } ?? " "
        guard method == .zfill || values.count < 2 || fill.unicodeScalars.count == 1 else { throw failure("'\(name)' fills with one character") }
        let length = text.unicodeScalars.count
        guard width > length else { return text }
        let missing = width - length
        let (bytes, overflow) = missing.multipliedReportingOverflow(by: fill.utf8.count)
        try charge(string: overflow ? Int.max : bytes)
        switch method {
        case .ljust: return text + String(repeating: fill, count: missing)
        case .rjust: return String(repeating: fill, count: missing) + text
        case .zfill:
            let hasSign = text.hasPrefix("-") || text.hasPrefix("+")
            return (hasSign ? String(text.prefix(1)) : "") + String(repeating: fill, count: missing) + (hasSign ? String(text.dropFirst()) : text)
        default:
            let left = missing / 2 + (missing & width & 1)
            return String(repeating: fill, count: left) + text + String(repeating: fill, count: missing - left)
        }
    }
}

extension Unicode.Scalar {
    fileprivate var isLetter: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }
}
