import ApusBase

/// Writes values as Python's `json.dumps` does.
struct JSONText {
    let interpreter: Interpreter
    /// What one level is indented by; nil for one line.
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var escapesNonASCII = false
    var sortsKeys = false
    private(set) var text = ""

    init(_ interpreter: Interpreter) { self.interpreter = interpreter }

    mutating func write(_ value: Value, level: Int = 0) throws(InputError) {
        try interpreter.spendStep()
        let before = text.utf8.count
        switch value {
        case .none: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .int(let value): text += String(value)
        case .double(let value): text += JSONText.number(value)
        case .string(let value), .markup(let value): try writeQuoted(value)
        case .sequence(let sequence) where sequence.kind == .list || sequence.kind == .tuple:
            try writeAll(sequence.elements, "[", "]", level: level) { (element, writer) throws(InputError) in
                try writer.write(element, level: level + 1)
            }
        case .dictionary(let dictionary): try writeMembers(dictionary, level: level)
        case .undefined(let reason): throw interpreter.failure("an undefined value is not JSON: \(reason)")
        default: throw interpreter.failure("a value of type \(value.typeName) is not JSON")
        }
        let made = text.utf8.count - before
        try interpreter.charge(bytes: max(0, made))
        guard text.utf8.count <= interpreter.limits.outputBytes else {
            throw interpreter.failure("a string is longer than the limit of \(interpreter.limits.outputBytes) bytes")
        }
    }

    private mutating func writeMembers(_ dictionary: DictionaryValue, level: Int) throws(InputError) {
        var members = Array(zip(dictionary.keys, dictionary.values))
        if sortsKeys { members = try interpreter.sorted(members, key: { (member) throws(InputError) in member.0 }) }
        try writeAll(members, "{", "}", level: level) { (member, writer) throws(InputError) in
            switch member.0 {
            case .string(let key), .markup(let key): try writer.writeQuoted(key)
            case .none: writer.text += "\"null\""
            case .bool(let key): writer.text += key ? "\"true\"" : "\"false\""
            case .int(let key): writer.text += "\"\(key)\""
            case .double(let key): writer.text += "\"\(JSONText.number(key))\""
            default: throw writer.interpreter.failure("a key of type \(member.0.typeName) is not JSON")
            }
            writer.text += writer.keySeparator
            try writer.write(member.1, level: level + 1)
        }
    }

    private mutating func writeAll<Element>(
        _ elements: [Element], _ open: String, _ close: String, level: Int,
        _ write: (Element, inout JSONText) throws(InputError) -> Void
    ) throws(InputError) {
        text += open
        for (index, element) in elements.enumerated() {
            if index > 0 { text += itemSeparator }
            try writeNewline(level: level + 1)
            try write(element, &self)
        }
        if !elements.isEmpty { try writeNewline(level: level) }
        text += close
    }

    private mutating func writeNewline(level: Int) throws(InputError) {
        guard let indent else { return }
        let (bytes, overflow) = indent.utf8.count.multipliedReportingOverflow(by: level)
        try interpreter.charge(string: overflow ? Int.max : bytes)
        text += "\n" + String(repeating: indent, count: indent.isEmpty ? 0 : level)
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        return PythonText.description(value)
    }

    private mutating func writeQuoted(_ value: String) throws(InputError) {
        try interpreter.charge(bytes: value.utf8.count)
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{8}": text += "\\b"
            case "\u{C}": text += "\\f"
            case _ where scalar.value < 0x20 || (escapesNonASCII && scalar.value > 0x7E):
                if escapesNonASCII && scalar.value == 0x7F {
                    text += "\u{7F}"
                } else {
                    for unit in UTF16.encode(scalar)! { text += "\\u" + PythonText.hexadecimal(UInt32(unit), width: 4) }
                }
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
