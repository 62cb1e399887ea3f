import ApusBase

extension Lexer {
    private static let signs: [StaticString] = [
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".",
        ":", "|", ",", ";",
    ]

    /// The words of a tag up to its end; inside brackets the end's characters are ordinary signs.
    mutating func lexTag(_ begin: Token.Kind, _ end: Token.Kind, closing: Unicode.Scalar) throws(InputError) {
        let start = line
        var brackets: [Unicode.Scalar] = []
        tokens.append(Token(kind: begin, line: line))
        while position < source.count {
            if brackets.isEmpty, let (length, sign) = tagEnd(closing) {
                tokens.append(Token(kind: end, line: line))
                return closeTag(length: length, sign: sign, trimsNewline: closing == "%")
            }
            let current = source[position]
            if PythonText.isSpace(current) {
                advance(to: position + 1)
            } else if isDigit(current) {
                try lexNumber()
            } else if isNameCharacter(current) {
                lexName()
            } else if current == "'" || current == "\"" {
                try lexString(quote: current)
            } else {
                try lexSign(&brackets)
            }
        }
        throw failure("the tag is not closed by '\(closing)}'", line: start)
    }

    private func tagEnd(_ closing: Unicode.Scalar) -> (Int, Unicode.Scalar?)? {
        let first = source[position]
        if first == closing, scalar(at: position + 1) == "}" { return (2, nil) }
        let isSigned = first == "-" || (first == "+" && closing == "%")
        guard isSigned, scalar(at: position + 1) == closing, scalar(at: position + 2) == "}" else { return nil }
        return (3, first)
    }

    private func isDigit(_ scalar: Unicode.Scalar?) -> Bool {
        guard let scalar else { return false }
        return ("0"..."9").contains(scalar)
    }

    private func isNameCharacter(_ scalar: Unicode.Scalar?) -> Bool {
        guard let scalar else { return false }
        return isDigit(scalar) || scalar == "_" || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }

    private mutating func lexName() {
        var end = position
        while isNameCharacter(scalar(at: end)) { end += 1 }
        tokens.append(Token(kind: .name(text(position..<end)), line: line))
        position = end
    }

    private func text(_ range: Range<Int>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: source[range])
        return String(view)
    }

    private mutating func lexSign(_ brackets: inout [Unicode.Scalar]) throws(InputError) {
        guard let sign = Lexer.signs.first(where: { matches($0, at: position) }) else {
            throw failure("the character \(PythonText.quoted(String(source[position]))) has no meaning in a tag")
        }
        let closers: [Unicode.Scalar: Unicode.Scalar] = ["(": ")", "[": "]", "{": "}"]
        let first = source[position]
        if let closer = closers[first] {
            brackets.append(closer)
        } else if first == ")" || first == "]" || first == "}" {
            guard let expected = brackets.popLast() else { throw failure("'\(first)' closes nothing") }
            guard expected == first else { throw failure("'\(first)' stands where '\(expected)' must") }
        }
        tokens.append(Token(kind: .sign("\(sign)"), line: line))
        position += sign.utf8CodeUnitCount
    }

    private mutating func lexNumber() throws(InputError) {
        let follower = scalar(at: position + 1)
        let radix: Int? =
            source[position] == "0"
            ? (follower == "x" || follower == "X" ? 16 : follower == "o" || follower == "O" ? 8 : follower == "b" || follower == "B" ? 2 : nil)
            : nil
        if let radix { return try lexInteger(from: position + 2, radix: radix) }
        var end = digitsEnd(position)
        var isFloat = false
        let followsDot = position > 0 && source[position - 1] == "."
        if !followsDot {
            if scalar(at: end) == ".", isDigit(scalar(at: end + 1)) {
                end = digitsEnd(end + 1)
                isFloat = true
            }
            if scalar(at: end) == "e" || scalar(at: end) == "E" {
                let digits = scalar(at: end + 1) == "+" || scalar(at: end + 1) == "-" ? end + 2 : end + 1
                if isDigit(scalar(at: digits)) {
                    end = digitsEnd(digits)
                    isFloat = true
                }
            }
        }
        guard isFloat else { return try lexInteger(from: position, radix: 10) }
        guard !isNameCharacter(scalar(at: end)), let value = Double(text(position..<end).filter { $0 != "_" }) else {
            throw failure("a number must not run into a name")
        }
        tokens.append(Token(kind: .float(value), line: line))
        position = end
    }

    private func digitsEnd(_ start: Int) -> Int {
        var end = start
        while isDigit(scalar(at: end)) || (scalar(at: end) == "_" && isDigit(scalar(at: end + 1))) { end += 1 }
        return end
    }

    private mutating func lexInteger(from digits: Int, radix: Int) throws(InputError) {
        var end = digits
        while isNameCharacter(scalar(at: end)) { end += 1 }
        let written = text(digits..<end)
        let plain = written.filter { $0 != "_" }
        let hasGap = written.hasSuffix("_") || written.contains("__") || (radix == 10 && written.hasPrefix("_"))
        let hasZeros = radix == 10 && plain.hasPrefix("0") && plain.contains { $0 != "0" }
        guard !hasGap, !hasZeros, !plain.isEmpty, plain.allSatisfy({ $0.isHexDigit }), plain.allSatisfy({ $0.hexDigitValue! < radix })
        else { throw failure("'\(text(position..<end))' is not a number") }
        guard let value = Int(plain, radix: radix) else { throw failure("the number '\(written)' does not fit 64 bits") }
        tokens.append(Token(kind: .integer(value), line: line))
        position = end
    }

    private mutating func lexString(quote: Unicode.Scalar) throws(InputError) {
        let start = line
        var result = String.UnicodeScalarView()
        advance(to: position + 1)
        while let current = scalar(at: position) {
            advance(to: position + 1)
            if current == quote {
                tokens.append(Token(kind: .string(String(result)), line: start))
                return
            }
            if current == "\\" {
                try lexEscape(into: &result)
            } else {
                result.append(current)
            }
        }
        throw failure("the string is not closed by \(quote)", line: start)
    }

    private mutating func lexEscape(into result: inout String.UnicodeScalarView) throws(InputError) {
        guard let kind = scalar(at: position) else { return }
        advance(to: position + 1)
        let plain: [Unicode.Scalar: Unicode.Scalar] = [
            "\\": "\\", "'": "'", "\"": "\"", "n": "\n", "t": "\t", "r": "\r", "a": "\u{7}", "b": "\u{8}", "f": "\u{C}", "v": "\u{B}",
        ]
        if let value = plain[kind] { return result.append(value) }
        let digitCounts: [Unicode.Scalar: Int] = ["x": 2, "u": 4, "U": 8]
        if let count = digitCounts[kind] {
            let digits = text(position..<min(position + count, source.count))
            guard digits.unicodeScalars.count == count, digits.allSatisfy({ $0.isHexDigit && $0.isASCII }),
                let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value)
            else { throw failure("the escape '\\\(kind)' needs \(count) hexadecimal digits that name a character") }
            position += count
            return result.append(scalar)
        }
        if ("0"..."7").contains(kind) {
            var value = kind.value - 48
            for _ in 0..<2 {
                guard let next = scalar(at: position), ("0"..."7").contains(next) else { break }
                value = value * 8 + next.value - 48
                position += 1
            }
            return result.append(Unicode.Scalar(value)!)
        }
        if kind == "N" { throw failure("the escape '\\N' is not supported; write the character itself") }
        if kind != "\n" { result.append(contentsOf: ["\\", kind]) }
    }
}
