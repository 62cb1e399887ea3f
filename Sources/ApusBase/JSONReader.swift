import Glibc

/// A pull parser over the bytes of one JSON text. It checks all of RFC 8259, UTF-8 included, and never reads past the end.
///
///     try reader.readObject { key, reader in … }
///
/// visits the members without building a tree; each visit must read or skip exactly one value.
package struct JSONReader {
    let bytes: UnsafeRawBufferPointer
    let subject: String
    let depthLimit: Int
    private var depth = 0
    package private(set) var position = 0

    package init(_ bytes: UnsafeRawBufferPointer, subject: String, depthLimit: Int = 128) {
        self.bytes = bytes
        self.subject = subject
        self.depthLimit = depthLimit
    }

    // MARK: Values

    package mutating func readValue() throws(InputError) -> JSON {
        switch try peek() {
        case UInt8(ascii: "{"):
            var object = JSONObject()
            try readObject { (key, reader) throws(InputError) in object[key] = try reader.readValue() }
            return .object(object)
        case UInt8(ascii: "["):
            var array: [JSON] = []
            try readArray { (reader) throws(InputError) in array.append(try reader.readValue()) }
            return .array(array)
        case UInt8(ascii: "\""): return .string(try readString())
        case UInt8(ascii: "t"): try readWord("true"); return .bool(true)
        case UInt8(ascii: "f"): try readWord("false"); return .bool(false)
        case UInt8(ascii: "n"): try readWord("null"); return .null
        default: return try readNumber()
        }
    }

    package mutating func readObject(_ member: (String, inout JSONReader) throws(InputError) -> Void) throws(InputError) {
        try enter(UInt8(ascii: "{"), "an object")
        var seen: Set<JSONKey> = []
        if try peek() == UInt8(ascii: "}") { position += 1; depth -= 1; return }
        while true {
            let at = position
            guard try peek() == UInt8(ascii: "\"") else { throw error("a member's key, in quotes, must stand here") }
            let key = try readString()
            guard seen.insert(JSONKey(key)).inserted else { throw error("the key \"\(key)\" occurs twice in one object", at: at) }
            guard try peek() == UInt8(ascii: ":") else { throw error("\":\" must follow a key") }
            position += 1
            try member(key, &self)
            let next = try peek()
            position += 1
            if next == UInt8(ascii: "}") { depth -= 1; return }
            guard next == UInt8(ascii: ",") else { throw error("\",\" or \"}\" must follow a member", at: position - 1) }
        }
    }

    package mutating func readArray(_ element: (inout JSONReader) throws(InputError) -> Void) throws(InputError) {
        try enter(UInt8(ascii: "["), "an array")
        if try peek() == UInt8(ascii: "]") { position += 1; depth -= 1; return }
        while true {
            try element(&self)
            let next = try peek()
            position += 1
            if next == UInt8(ascii: "]") { depth -= 1; return }
            guard next == UInt8(ascii: ",") else { throw error("\",\" or \"]\" must follow an element", at: position - 1) }
        }
    }

    /// Passes over a value without keeping any of it. It may be as wrong as to have a key twice.
    package mutating func skipValue() throws(InputError) {
        switch try peek() {
        case UInt8(ascii: "["): try readArray { (reader) throws(InputError) in try reader.skipValue() }
        case UInt8(ascii: "{"): try skipObject()
        default: _ = try readValue()
        }
    }

    private mutating func skipObject() throws(InputError) {
        try enter(UInt8(ascii: "{"), "an object")
        if try peek() == UInt8(ascii: "}") { position += 1; depth -= 1; return }
        while true {
            _ = try readString()
            guard try peek() == UInt8(ascii: ":") else { throw error("\":\" must follow a key") }
            position += 1
            try skipValue()
            let next = try peek()
            position += 1
            if next == UInt8(ascii: "}") { depth -= 1; return }
            guard next == UInt8(ascii: ",") else { throw error("\",\" or \"}\" must follow a member", at: position - 1) }
        }
    }

    /// Only white space may be left.
    package mutating func finish() throws(InputError) {
        skipSpace()
        guard position == bytes.count else { throw error("something follows the end of the JSON value") }
    }

    // MARK: Scalars

    package mutating func readString() throws(InputError) -> String {
        guard try peek() == UInt8(ascii: "\"") else { throw error("a string must stand here") }
        position += 1
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                let text = try validated(start..<position)
                position += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try readEscapedString(from: start) }
            guard byte >= 0x20 else { throw error("a control character must be escaped in a string") }
            position += 1
        }
        throw error("the string that starts at byte \(start - 1) does not end")
    }

    private func validated(_ range: Range<Int>) throws(InputError) -> String {
        guard let text = String(validating: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self) else {
            throw error("a string is not valid UTF-8", at: range.lowerBound)
        }
        return text
    }

    private mutating func readEscapedString(from start: Int) throws(InputError) -> String {
        var collected = [UInt8](bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") {
                guard let text = String(validating: collected, as: UTF8.self) else { throw error("a string is not valid UTF-8", at: start) }
                return text
            }
            guard byte >= 0x20 else { throw error("a control character must be escaped in a string", at: position - 1) }
            if byte != UInt8(ascii: "\\") { collected.append(byte); continue }
            guard position < bytes.count else { break }
            let escape = bytes[position]
            position += 1
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): collected.append(escape)
            case UInt8(ascii: "b"): collected.append(8)
            case UInt8(ascii: "f"): collected.append(12)
            case UInt8(ascii: "n"): collected.append(10)
            case UInt8(ascii: "r"): collected.append(13)
            case UInt8(ascii: "t"): collected.append(9)
            case UInt8(ascii: "u"): collected.append(contentsOf: Array(String(try readEscapedScalar()).utf8))
            default: throw error("\"\\\(Character(Unicode.Scalar(escape)))\" is no escape of JSON", at: position - 2)
            }
        }
        throw error("the string that starts at byte \(start - 1) does not end")
    }

    private mutating func readEscapedScalar() throws(InputError) -> Character {
        let at = position
        let first = try readHex()
        if first >= 0xD800 && first < 0xDC00 {
            if position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u") {
                position += 2
                let second = try readHex()
                if second >= 0xDC00 && second < 0xE000,
                    let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
                {
                    return Character(scalar)
                }
            }
            throw error("half of a surrogate pair stands alone", at: at)
        }
        guard let scalar = Unicode.Scalar(first) else { throw error("half of a surrogate pair stands alone", at: at) }
        return Character(scalar)
    }

    private mutating func readHex() throws(InputError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw error("four hexadecimal digits must follow \\u") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue, bytes[position] < 0x80 else {
                throw error("four hexadecimal digits must follow \\u")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func readNumber() throws(InputError) -> JSON {
        let start = position
        var whole = true
        func digit(_ at: Int) -> Bool { at < bytes.count && bytes[at] >= 0x30 && bytes[at] <= 0x39 }
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        guard digit(position) else { throw error("a value must stand here", at: start) }
        if bytes[position] == UInt8(ascii: "0"), digit(position + 1) { throw error("a number may not start with 0", at: start) }
        while digit(position) { position += 1 }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            whole = false
            position += 1
            guard digit(position) else { throw error("a digit must follow the decimal point") }
            while digit(position) { position += 1 }
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            whole = false
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") { position += 1 }
            guard digit(position) else { throw error("a digit must follow the exponent's mark") }
            while digit(position) { position += 1 }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if whole, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw error("the number \(text) is out of range", at: start) }
        return .number(value)
    }

    private mutating func readWord(_ word: StaticString) throws(InputError) {
        let count = word.utf8CodeUnitCount
        guard position + count <= bytes.count, memcmp(bytes.baseAddress! + position, word.utf8Start, count) == 0 else {
            throw error("a value must stand here")
        }
        position += count
    }

    // MARK: Steps

    private mutating func enter(_ bracket: UInt8, _ kind: String) throws(InputError) {
        guard try peek() == bracket else { throw error("\(kind) must stand here") }
        guard depth < depthLimit else { throw error("values are nested more than \(depthLimit) deep") }
        depth += 1
        position += 1
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    /// The first byte of the next token.
    package mutating func peek() throws(InputError) -> UInt8 {
        skipSpace()
        guard position < bytes.count else { throw error("the JSON text ends too early") }
        return bytes[position]
    }

    private func error(_ rule: String, at offset: Int? = nil) -> InputError {
        let offset = min(offset ?? position, bytes.count)
        let line = 1 + bytes[..<offset].count { $0 == 0x0A }
        return InputError(subject, at: "byte \(offset) (line \(line))", rule)
    }
}
