import ApusBase

extension Parser {
    mutating func parseExpression(withConditional: Bool = true) throws(InputError) -> Expression {
        try nested(TemplateLimits.nestingDepth) { parser throws(InputError) in
            withConditional ? try parser.parseConditionalExpression() : try parser.parseOr()
        }
    }

    /// One expression, or several with commas between them as a tuple.
    mutating func parseTuple(
        withConditional: Bool = true, endingAt end: String? = nil, inParentheses: Bool = false
    ) throws(InputError) -> Expression {
        let line = current.line
        var elements: [Expression] = []
        var isTuple = false
        repeat {
            if isTupleEnd(end) { break }
            elements.append(try parseExpression(withConditional: withConditional))
            if isSign(",") { isTuple = true }
        } while skip(sign: ",")
        if !isTuple {
            if let only = elements.first { return only }
            guard inParentheses else { throw failure("expected an expression but found \(current.description)") }
        }
        return try node(.tuple(elements), line: line, over: elements)
    }

    private func isTupleEnd(_ end: String?) -> Bool {
        switch current.kind {
        case .variableEnd, .blockEnd, .sign(")"): true
        case .name(let name): name == end
        default: false
        }
    }

    private mutating func parseConditionalExpression() throws(InputError) -> Expression {
        let line = current.line
        conditionDepth += 1
        defer { conditionDepth -= 1 }
        var value = try parseOr()
        while skip(name: "if") {
            let test = try parseOr()
            let otherwise = skip(name: "else") ? try parseExpression() : nil
            value = try node(
                .conditional(test: test, then: value, otherwise: otherwise), line: line,
                over: [value, test] + [otherwise].compactMap { $0 })
        }
        return value
    }

    private mutating func parseOr() throws(InputError) -> Expression {
        let line = current.line
        var left = try parseAnd()
        while skip(name: "or") {
            let right = try parseAnd()
            left = try node(.or(left, right), line: line, over: [left, right])
        }
        return left
    }

    private mutating func parseAnd() throws(InputError) -> Expression {
        let line = current.line
        var left = try parseNot()
        while skip(name: "and") {
            let right = try parseNot()
            left = try node(.and(left, right), line: line, over: [left, right])
        }
        return left
    }

    private mutating func parseNot() throws(InputError) -> Expression {
        let line = current.line
        guard skip(name: "not") else { return try parseComparison() }
        let operand = try nested(TemplateLimits.nestingDepth) { parser throws(InputError) in try parser.parseNot() }
        return try node(.not(operand), line: line, over: [operand])
    }

    private mutating func parseComparison() throws(InputError) -> Expression {
        let line = current.line
        let first = try parseSum()
        var operations: [(operation: ComparisonOperator, operand: Expression)] = []
        while let operation = skipComparison() { operations.append((operation, try parseSum())) }
        guard !operations.isEmpty else { return first }
        return try node(.comparison(first, operations), line: line, over: [first] + operations.map { $0.operand })
    }

    private mutating func skipComparison() -> ComparisonOperator? {
        switch current.kind {
        case .sign(let sign):
            guard let operation = ComparisonOperator(rawValue: sign) else { return nil }
            advance()
            return operation
        case .name("in"):
            advance()
            return .contained
        case .name("not") where next.kind == .name("in"):
            advance()
            advance()
            return .notContained
        default: return nil
        }
    }

    private mutating func parseSum() throws(InputError) -> Expression {
        let line = current.line
        var left = try parseConcatenation()
        while isSign("+") || isSign("-") {
            let operation: ArithmeticOperator = isSign("+") ? .add : .subtract
            advance()
            let right = try parseConcatenation()
            left = try node(.arithmetic(operation, left, right), line: line, over: [left, right])
        }
        return left
    }

    private mutating func parseConcatenation() throws(InputError) -> Expression {
        let line = current.line
        var parts = [try parseProduct()]
        while skip(sign: "~") { parts.append(try parseProduct()) }
        return parts.count == 1 ? parts[0] : try node(.concatenation(parts), line: line, over: parts)
    }

    private mutating func parseProduct() throws(InputError) -> Expression {
        let line = current.line
        var left = try parsePower()
        while case .sign(let sign) = current.kind, ["*", "/", "//", "%"].contains(sign),
            let operation = ArithmeticOperator(rawValue: sign)
        {
            advance()
            let right = try parsePower()
            left = try node(.arithmetic(operation, left, right), line: line, over: [left, right])
        }
        return left
    }

    private mutating func parsePower() throws(InputError) -> Expression {
        let line = current.line
        var left = try parseUnary()
        while skip(sign: "**") {
            let right = try parseUnary()
            left = try node(.arithmetic(.power, left, right), line: line, over: [left, right])
        }
        return left
    }

    private mutating func parseUnary(withFilters: Bool = true) throws(InputError) -> Expression {
        let line = current.line
        var value: Expression
        if isSign("-") || isSign("+") {
            let isNegative = isSign("-")
            advance()
            let operand = try nested(TemplateLimits.nestingDepth) { parser throws(InputError) in
                try parser.parseUnary(withFilters: false)
            }
            value = try node(isNegative ? .negative(operand) : .positive(operand), line: line, over: [operand])
        } else {
            value = try parsePrimary()
        }
        value = try parsePostfix(on: value)
        return withFilters ? try parseFiltersAndTests(on: value) : value
    }

    mutating func parsePrimary() throws(InputError) -> Expression {
        let line = current.line
        func constant(_ value: TemplateValue) -> Expression { Expression(kind: .constant(value), line: line, depth: 1) }
        let token = current
        switch token.kind {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return constant(.bool(true))
            case "false", "False": return constant(.bool(false))
            case "none", "None": return constant(.null)
            default:
                noteRead(name)
                return Expression(kind: .name(name), line: line, depth: 1)
            }
        case .string(var text):
            advance()
            while case .string(let more) = current.kind {
                text += more
                advance()
            }
            return constant(.string(text))
        case .integer(let value):
            advance()
            return constant(.int(value))
        case .float(let value):
            advance()
            return constant(.double(value))
        case .sign("("):
            advance()
            let value = try parseTuple(inParentheses: true)
            try expect(sign: ")")
            return value
        case .sign("["): return try parseList(line: line)
        case .sign("{"): return try parseDictionary(line: line)
        default: throw failure("expected an expression but found \(token.description)")
        }
    }

    private mutating func parseList(line: Int) throws(InputError) -> Expression {
        advance()
        var elements: [Expression] = []
        while !isSign("]") {
            if !elements.isEmpty {
                try expect(sign: ",")
                if isSign("]") { break }
            }
            elements.append(try parseExpression())
        }
        advance()
        return try node(.list(elements), line: line, over: elements)
    }

    private mutating func parseDictionary(line: Int) throws(InputError) -> Expression {
        advance()
        var members: [(key: Expression, value: Expression)] = []
        while !isSign("}") {
            if !members.isEmpty {
                try expect(sign: ",")
                if isSign("}") { break }
            }
            let key = try parseExpression()
            try expect(sign: ":")
            members.append((key, try parseExpression()))
        }
        advance()
        return try node(.dictionary(members), line: line, over: members.flatMap { [$0.key, $0.value] })
    }
}
