import ApusBase
import Glibc

extension Interpreter {
    func applyTextFilter(_ filter: Filter, to value: Value, _ arguments: CallArguments) throws(InputError) -> Value {
        let name = filter.rawValue
        let source = try display(value)
        try charge(bytes: source.utf8.count)
        func result(_ text: String) -> Value { if case .markup = value { .markup(text) } else { .string(text) } }
        switch filter {
        case .replace:
            let values = try bind(arguments, to: ["old", "new", "count"], required: 2, of: name)
            var limit = -1
            if let given = values[2], given.integer != nil { limit = try integer(given, for: name) }
            return .string(try replace(source, try display(values[0]!), try display(values[1]!), limit: limit))
        case .trim:
            let characters = try bind(arguments, to: ["chars"], of: name)[0]
            if case .none? = characters { return result(PythonText.stripped(source)) }
            return result(PythonText.stripped(source, of: try characters.map { (value) throws(InputError) in try text(value, for: name) }))
        case .indent: return result(try indented(try text(value, for: name), arguments))
        case .truncate: return .string(try truncated(try text(value, for: name), arguments))
        case .center:
            let width = try bind(arguments, to: ["width"], of: name)[0] ?? .int(80)
            return try call(MethodValue(.string(source), "center"), CallArguments(positional: [width]))
        case .format:
            guard arguments.named.isEmpty || arguments.positional.isEmpty else { throw failure("'format' takes positional or named values, not both") }
            if arguments.named.isEmpty { return .string(try percentFormat(source, arguments.positional, named: nil)) }
            let named = try makeDictionary(arguments.named.map { (key: .string($0.name), value: $0.value) })
            return .string(try percentFormat(source, [.dictionary(named)], named: named))
        default: break
        }
        _ = try bind(arguments, to: [], of: name)
        switch filter {
        case .capitalize: return result(PythonText.capitalized(source))
        case .lower: return result(PythonText.lowercased(source))
        case .upper: return result(PythonText.uppercased(source))
        case .title: return result(titleWords(source))
        case .safe: return .markup(source)
        case .string: return result(source)
        case .escape:
            if case .markup = value { return value }
            return .markup(PythonText.escaped(source))
        case .forceescape: return .markup(PythonText.escaped(source))
        default: return .int(wordCount(source))
        }
    }

    private func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }

    private func wordCount(_ text: String) -> Int {
        var count = 0
        var isInside = false
        for scalar in text.unicodeScalars {
            let isWord = isWordCharacter(scalar)
            if isWord && !isInside { count += 1 }
            isInside = isWord
        }
        return count
    }

    /// Jinja's `title`: words begin after a blank, a hyphen or an opening bracket.
    private func titleWords(_ text: String) -> String {
        var result = ""
        var word: [Unicode.Scalar] = []
        func flush() {
            if let first = word.first { result += first.properties.uppercaseMapping + PythonText.lowercased(PythonText.string(word.dropFirst())) }
            word = []
        }
        for scalar in text.unicodeScalars {
            if PythonText.isSpace(scalar) || ["-", "(", "{", "[", "<"].contains(scalar) {
                flush()
                result.unicodeScalars.append(scalar)
            } else {
                word.append(scalar)
            }
        }
        flush()
        return result
    }

    private func indented(_ text: String, _ arguments: CallArguments) throws(InputError) -> String {
        let values = try bind(arguments, to: ["width", "first", "blank"], of: "indent")
        let indentation: String
        switch values[0] {
        case .string(let given)?, .markup(let given)?: indentation = given
        case let given:
            let width = max(0, try integer(given ?? .int(4), for: "indent"))
            try charge(string: width)
            indentation = String(repeating: " ", count: width)
        }
        let lines = PythonText.lines(text + "\n")
        let (growth, overflow) = indentation.utf8.count.multipliedReportingOverflow(by: lines.count + 1)
        try charge(string: overflow ? Int.max : growth)
        let indentsBlank = values[2]?.isTrue ?? false
        var result = values[1]?.isTrue ?? false ? indentation : ""
        for (index, line) in lines.enumerated() {
            if index > 0 { result += "\n" + (indentsBlank || !line.isEmpty ? indentation : "") }
            result += line
        }
        try charge(string: result.utf8.count)
        return result
    }

    private func truncated(_ text: String, _ arguments: CallArguments) throws(InputError) -> String {
        let values = try bind(arguments, to: ["length", "killwords", "end", "leeway"], of: "truncate")
        let length = try integer(values[0] ?? .int(255), for: "truncate")
        let end = try self.text(values[2] ?? .string("..."), for: "truncate")
        var leeway = 5
        if let given = values[3], given.integer != nil { leeway = try integer(given, for: "truncate") }
        let kept = length - end.unicodeScalars.count
        guard kept >= 0, leeway >= 0 else { throw failure("'truncate' needs a length that holds its end mark") }
        let scalars = Array(text.unicodeScalars)
        if scalars.count - leeway <= length { return text }
        let cut = scalars[..<kept]
        if values[1]?.isTrue == true { return PythonText.string(cut) + end }
        return PythonText.string(cut.lastIndex(of: " ").map { cut[..<$0] } ?? cut) + end
    }

    func applyNumberFilter(_ filter: Filter, to value: Value, _ arguments: CallArguments) throws(InputError) -> Value {
        if case .undefined(let reason) = value { throw failure(reason) }
        switch filter {
        case .abs:
            _ = try bind(arguments, to: [], of: "abs")
            if case .double(let number) = value { return .double(number.magnitude) }
            let whole = try integer(value, for: "abs")
            return whole < 0 ? try negated(.int(whole)) : .int(whole)
        case .int: return try convertedToInt(value, arguments)
        case .float:
            let fallback = try bind(arguments, to: ["default"], of: "float")[0] ?? .double(0)
            return (value.number ?? value.text.flatMap { Interpreter.parsedDouble($0) }).map { .double($0) } ?? fallback
        default: return try rounded(value, arguments)
        }
    }

    private func convertedToInt(_ value: Value, _ arguments: CallArguments) throws(InputError) -> Value {
        let values = try bind(arguments, to: ["default", "base"], of: "int")
        let fallback = values[0] ?? .int(0)
        let radix = try integer(values[1] ?? .int(10), for: "int")
        guard radix == 0 || (2...36).contains(radix) else { throw failure("'int' needs a base from 2 to 36") }
        if let whole = value.integer { return .int(whole) }
        var number = value.number
        if let text = value.text {
            try charge(bytes: text.utf8.count)
            if let whole = Interpreter.parsedInteger(text, radix: radix) { return .int(whole) }
            number = Interpreter.parsedDouble(text)
        }
        guard let number, number.isFinite else { return fallback }
        guard let whole = Int(exactly: number.rounded(.towardZero)) else { throw failure("the number does not fit 64 bits") }
        return .int(whole)
    }

    private static func parsedInteger(_ text: String, radix: Int) -> Int? {
        var digits = PythonText.stripped(text)[...]
        let isNegative = digits.hasPrefix("-")
        if isNegative || digits.hasPrefix("+") { digits.removeFirst() }
        let prefixes: [Int: String] = [2: "0b", 8: "0o", 16: "0x"]
        var base = radix
        for (candidate, prefix) in prefixes where (radix == candidate || radix == 0) && digits.lowercased().hasPrefix(prefix) {
            base = candidate
            digits = digits.dropFirst(2)
        }
        if base == 0 { base = 10 }
        guard !digits.isEmpty, !digits.hasPrefix("_"), !digits.hasSuffix("_"), !digits.contains("__"), !digits.hasPrefix("+"), !digits.hasPrefix("-")
        else { return nil }
        return Int((isNegative ? "-" : "") + digits.filter { $0 != "_" }, radix: base)
    }

    static func parsedDouble(_ text: String) -> Double? {
        let trimmed = PythonText.stripped(text)
        guard !trimmed.hasPrefix("_"), !trimmed.hasSuffix("_"), !trimmed.contains("__") else { return nil }
        let plain = trimmed.filter { $0 != "_" }.lowercased()
        guard !plain.contains("x"), !plain.contains("("), !plain.isEmpty else { return nil }
        return Double(plain)
    }

    private func rounded(_ value: Value, _ arguments: CallArguments) throws(InputError) -> Value {
        let values = try bind(arguments, to: ["precision", "method"], of: "round")
        let digits = try integer(values[0] ?? .int(0), for: "round")
        let method = try text(values[1] ?? .string("common"), for: "round")
        guard (0...100).contains(digits) else { throw failure("'round' needs a precision from 0 to 100") }
        guard ["common", "ceil", "floor"].contains(method) else { throw failure("'round' knows the methods common, ceil and floor") }
        guard let number = value.number else { throw failure("'round' needs a number, not a value of type \(value.typeName)") }
        if method == "common" {
            if let whole = value.integer { return .int(whole) }
            guard number.isFinite else { return value }
            return .double(Double((number.sign == .minus ? "-" : "") + (try fixed(number.magnitude, digits: digits))) ?? number)
        }
        let scale = pow(10, Double(digits))
        let scaled = (number * scale).rounded(method == "ceil" ? .up : .down)
        guard scaled.isFinite else { throw failure("'round' cannot round this number") }
        return .double(scaled / scale)
    }
}
