import ApusBase

/// Cuts a template's source into tokens by Jinja's rules with `trim_blocks` and `lstrip_blocks`:
/// a newline after a block or comment is dropped, and so are blanks before one at the start of a line;
/// `-` at a tag's edge drops all blanks there and `+` keeps them.
struct Lexer {
    let source: [Unicode.Scalar]
    let subject: String
    var position = 0
    var line = 1
    var tokens: [Token] = []
    /// Whether the text that comes next begins a line.
    private var isAtLineStart = true

    init(_ text: String, subject: String) throws(InputError) {
        guard text.utf8.count <= TemplateLimits.sourceLength else {
            throw InputError(subject, "a template may have at most \(TemplateLimits.sourceLength) bytes")
        }
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(text.utf8.count)
        var afterReturn = false
        for scalar in text.unicodeScalars {
            if !(afterReturn && scalar == "\n") { scalars.append(scalar == "\r" ? "\n" : scalar) }
            afterReturn = scalar == "\r"
        }
        if scalars.last == "\n" { scalars.removeLast() }
        source = scalars
        self.subject = subject
    }

    func failure(_ rule: String, line: Int? = nil) -> InputError {
        InputError(subject, at: "line \(line ?? self.line)", rule)
    }

    mutating func run() throws(InputError) -> [Token] {
        while position < source.count {
            let start = position
            guard let opening = nextOpening() else {
                emitText(start..<source.count)
                advance(to: source.count)
                break
            }
            let kind = source[opening + 1]
            let sign = scalar(at: opening + 2)
            let hasSign = sign == "-" || sign == "+"
            emitText(start..<textEnd(start..<opening, sign: sign, strips: kind != "{"))
            advance(to: opening)
            if kind == "%", let raw = rawContent(after: opening + (hasSign ? 3 : 2)) {
                try lexRaw(from: raw)
                continue
            }
            advance(to: opening + (hasSign ? 3 : 2))
            switch kind {
            case "#": try skipComment()
            case "%": try lexTag(.blockBegin, .blockEnd, closing: "%")
            default: try lexTag(.variableBegin, .variableEnd, closing: "}")
            }
        }
        tokens.append(Token(kind: .end, line: line))
        return tokens
    }

    func scalar(at index: Int) -> Unicode.Scalar? { index < source.count ? source[index] : nil }

    func matches(_ text: StaticString, at index: Int) -> Bool {
        text.withUTF8Buffer { bytes in
            guard index + bytes.count <= source.count else { return false }
            for offset in 0..<bytes.count where source[index + offset].value != UInt32(bytes[offset]) { return false }
            return true
        }
    }

    mutating func advance(to index: Int) {
        for passed in position..<max(position, index) where source[passed] == "\n" { line += 1 }
        position = max(position, index)
    }

    private func nextOpening() -> Int? {
        var index = position
        while index + 1 < source.count {
            if source[index] == "{", source[index + 1] == "{" || source[index + 1] == "%" || source[index + 1] == "#" { return index }
            index += 1
        }
        return nil
    }

    /// Where the text before a tag ends once the blanks that the tag drops are gone.
    private func textEnd(_ text: Range<Int>, sign: Unicode.Scalar?, strips: Bool) -> Int {
        var end = text.upperBound
        if sign == "-" {
            while end > text.lowerBound, PythonText.isSpace(source[end - 1]) { end -= 1 }
            return end
        }
        guard strips, sign != "+" else { return end }
        while end > text.lowerBound, source[end - 1] != "\n" {
            guard PythonText.isSpace(source[end - 1]) else { return text.upperBound }
            end -= 1
        }
        return end > text.lowerBound || isAtLineStart ? end : text.upperBound
    }

    private mutating func emitText(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: source[range])
        tokens.append(Token(kind: .text(String(text)), line: line))
    }

    /// Goes over a tag's end at the position, with the blanks that it drops.
    mutating func closeTag(length: Int, sign: Unicode.Scalar?, trimsNewline: Bool) {
        var end = position + length
        if sign == "-" {
            while end < source.count, PythonText.isSpace(source[end]) { end += 1 }
        } else if trimsNewline, sign != "+", scalar(at: end) == "\n" {
            end += 1
        }
        advance(to: end)
        isAtLineStart = source[end - 1] == "\n"
    }

    private mutating func skipComment() throws(InputError) {
        let start = line
        while position < source.count {
            if matches("-#}", at: position) { return closeTag(length: 3, sign: "-", trimsNewline: true) }
            if matches("+#}", at: position) { return closeTag(length: 3, sign: "+", trimsNewline: true) }
            if matches("#}", at: position) { return closeTag(length: 2, sign: nil, trimsNewline: true) }
            advance(to: position + 1)
        }
        throw failure("the comment is not closed by '#}'", line: start)
    }

    private func skippingSpace(_ index: Int) -> Int {
        var index = index
        while index < source.count, PythonText.isSpace(source[index]) { index += 1 }
        return index
    }

    /// The index after `raw %}` if that is what the block holds.
    private func rawContent(after index: Int) -> Int? {
        let name = skippingSpace(index)
        guard matches("raw", at: name) else { return nil }
        let end = skippingSpace(name + 3)
        if matches("-%}", at: end) { return skippingSpace(end + 3) }
        return matches("%}", at: end) ? end + 2 : nil
    }

    private mutating func lexRaw(from content: Int) throws(InputError) {
        let start = line
        advance(to: content)
        isAtLineStart = source[content - 1] == "\n"
        var index = content
        while index + 1 < source.count {
            if matches("{%", at: index) {
                let sign = scalar(at: index + 2)
                let name = skippingSpace(index + (sign == "-" || sign == "+" ? 3 : 2))
                if matches("endraw", at: name) {
                    let end = skippingSpace(name + 6)
                    let closing = scalar(at: end)
                    let hasSign = closing == "-" || closing == "+"
                    if matches("%}", at: end + (hasSign ? 1 : 0)) {
                        emitText(content..<textEnd(content..<index, sign: sign, strips: true))
                        advance(to: end)
                        return closeTag(length: hasSign ? 3 : 2, sign: hasSign ? closing : nil, trimsNewline: true)
                    }
                }
            }
            index += 1
        }
        throw failure("the raw block is not closed by '{% endraw %}'", line: start)
    }
}
