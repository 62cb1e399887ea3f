/// A word, a mark or a comment of Swift source. Strings are one token each; comments that document nothing are left out.
struct SwiftToken {
    enum Kind { case word, mark, string, documentation }

    let kind: Kind
    let text: String
    /// From 1.
    let line: Int
    /// Nothing but white space and comments stands before it on its line.
    let startsLine: Bool

    func `is`(_ text: String) -> Bool { kind != .string && self.text == text }

    /// The tokens of a file. Regular-expression literals are not known; the project has none.
    static func all(in source: String) -> [SwiftToken] {
        var lexer = SwiftLexer(bytes: Array(source.utf8))
        return lexer.run()
    }
}

private struct SwiftLexer {
    let bytes: [UInt8]
    private var position = 0
    private var line = 1
    private var tokens: [SwiftToken] = []

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func run() -> [SwiftToken] {
        while position < bytes.count {
            let start = position
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"): step()
            case UInt8(ascii: "/") where starts("//"): lineComment()
            case UInt8(ascii: "/") where starts("/*"): blockComment()
            case UInt8(ascii: "\"") where isStringStart,
                UInt8(ascii: "#") where isStringStart:
                let line = line
                string()
                append(.string, from: start, line: line)
            case UInt8(ascii: "`"):
                step()
                while position < bytes.count, bytes[position] != UInt8(ascii: "`") { step() }
                step()
                append(.word, from: start, line: line)
            case let byte where Self.isWord(byte):
                while position < bytes.count, Self.isWord(bytes[position]) { step() }
                append(.word, from: start, line: line)
            default:
                step()
                append(.mark, from: start, line: line)
            }
        }
        return tokens
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...: true
        default: false
        }
    }

    private mutating func step(_ count: Int = 1) {
        for _ in 0..<count where position < bytes.count {
            if bytes[position] == UInt8(ascii: "\n") { line += 1 }
            position += 1
        }
    }

    private func starts(_ text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

    private mutating func append(_ kind: SwiftToken.Kind, from start: Int, line: Int) {
        tokens.append(
            SwiftToken(
                kind: kind, text: String(decoding: bytes[start..<position], as: UTF8.self), line: line,
                startsLine: tokens.last { $0.kind != .documentation }?.line != line))
    }

    // MARK: Comments

    private mutating func lineComment() {
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { step() }
        let text = bytes[start..<position]
        let documents = text.starts(with: "///".utf8) && !text.starts(with: "////".utf8) && text.dropFirst(3).contains { $0 != UInt8(ascii: " ") }
        if documents { append(.documentation, from: start, line: line) }
    }

    private mutating func blockComment() {
        let start = position, line = line
        let documents = starts("/**") && !starts("/**/")
        var depth = 0
        repeat {
            if starts("/*") { depth += 1; step(2) } else if starts("*/") { depth -= 1; step(2) } else { step() }
        } while depth > 0 && position < bytes.count
        if documents { append(.documentation, from: start, line: line) }
    }

    // MARK: Strings

    private var isStringStart: Bool { bytes[position...].first { $0 != UInt8(ascii: "#") } == UInt8(ascii: "\"") }

    /// Passes over a string, plain or raw, of one line or several.
    private mutating func string() {
        let hashes = String(repeating: "#", count: bytes[position...].prefix { $0 == UInt8(ascii: "#") }.count)
        step(hashes.utf8.count)
        let quotes = starts("\"\"\"") ? "\"\"\"" : "\""
        step(quotes.utf8.count)
        while position < bytes.count, !starts(quotes + hashes) {
            guard starts("\\" + hashes) else { step(); continue }
            step(1 + hashes.utf8.count)
            if starts("(") { interpolation() } else { step() }
        }
        step(quotes.utf8.count + hashes.utf8.count)
    }

    private mutating func interpolation() {
        var depth = 0
        repeat {
            switch bytes[position] {
            case UInt8(ascii: "("): depth += 1; step()
            case UInt8(ascii: ")"): depth -= 1; step()
            case UInt8(ascii: "\"") where isStringStart,
                UInt8(ascii: "#") where isStringStart:
                string()
            default: step()
            }
        } while depth > 0 && position < bytes.count
    }
}
