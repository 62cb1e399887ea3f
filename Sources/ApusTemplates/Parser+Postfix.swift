import ApusBase

extension Parser {
    /// Attributes, subscripts and calls after a value.
    mutating func parsePostfix(on base: Expression) throws(InputError) -> Expression {
        var value = base
        while true {
            let line = current.line
            if skip(sign: ".") {
                switch current.kind {
                case .name(let name): value = try node(.attribute(value, name), line: line, over: [value])
                case .integer(let index):
                    let position = Expression(kind: .constant(.int(index)), line: line, depth: 1)
                    value = try node(.item(value, position), line: line, over: [value])
                default: throw failure("expected a name after '.' but found \(current.description)")
                }
                advance()
            } else if skip(sign: "[") {
                value = try parseSubscript(of: value, line: line)
            } else if isSign("(") {
                let arguments = try parseArguments()
                value = try node(.call(value, arguments), line: line, over: [value] + arguments.expressions)
            } else {
                return value
            }
        }
    }

    private mutating func parseSubscript(of value: Expression, line: Int) throws(InputError) -> Expression {
        var start: Expression?
        if !isSign(":") {
            let first = try parseExpression()
            if isSign(",") { throw failure("a subscript of several values is not supported") }
            if skip(sign: "]") { return try node(.item(value, first), line: line, over: [value, first]) }
            start = first
        }
        try expect(sign: ":")
        var parts: [Expression?] = [nil, nil]
        for index in 0..<2 {
            if !isSign(":"), !isSign("]") { parts[index] = try parseExpression() }
            if index == 0, !skip(sign: ":") { break }
        }
        try expect(sign: "]")
        return try node(
            .slice(value, start: start, stop: parts[0], step: parts[1]), line: line,
            over: [value] + ([start] + parts).compactMap { $0 })
    }

    mutating func parseArguments() throws(InputError) -> Arguments {
        var arguments = Arguments()
        var isFirst = true
        try expect(sign: "(")
        while !isSign(")") {
            if !isFirst {
                try expect(sign: ",")
                if isSign(")") { break }
            }
            isFirst = false
            if skip(sign: "*") {
                guard arguments.spread == nil, arguments.namedSpread == nil else { throw failure("'*' stands out of order in the call") }
                arguments.spread = try parseExpression()
            } else if skip(sign: "**") {
                guard arguments.namedSpread == nil else { throw failure("a call can hold only one '**'") }
                arguments.namedSpread = try parseExpression()
            } else if case .name(let name) = current.kind, next.kind == .sign("=") {
                guard arguments.namedSpread == nil else { throw failure("a named argument follows '**'") }
                guard !arguments.named.contains(where: { $0.name == name }) else { throw failure("the argument '\(name)' is given twice") }
                advance()
                advance()
                arguments.named.append((name, try parseExpression()))
            } else {
                guard arguments.named.isEmpty, arguments.spread == nil, arguments.namedSpread == nil else {
                    throw failure("a positional argument follows a named one")
                }
                arguments.positional.append(try parseExpression())
            }
        }
        try expect(sign: ")")
        return arguments
    }

    mutating func parseFiltersAndTests(on base: Expression) throws(InputError) -> Expression {
        var value = base
        while true {
            if isSign("|") {
                value = try parseFilters(on: value)
            } else if isName("is") {
                value = try parseTest(on: value)
            } else if isSign("(") {
                let line = current.line
                let arguments = try parseArguments()
                value = try node(.call(value, arguments), line: line, over: [value] + arguments.expressions)
            } else {
                return value
            }
        }
    }

    /// A chain of filters. The first needs no `|` where a block begins with it.
    mutating func parseFilters(on base: Expression, acceptsNone: Bool = false) throws(InputError) -> Expression {
        var value = base
        var needsBar = acceptsNone || isSign("|")
        while !needsBar || isSign("|") {
            if needsBar { advance() }
            needsBar = true
            let line = current.line
            let name = try expectName()
            guard conditionDepth > 0 || Filter.named(name) != nil else { throw failure("the filter '\(name)' is unknown", line: line) }
            let arguments = isSign("(") ? try parseArguments() : Arguments()
            value = try node(.filter(value, name, arguments), line: line, over: [value] + arguments.expressions)
        }
        return value
    }

    private mutating func parseTest(on value: Expression) throws(InputError) -> Expression {
        advance()
        let line = current.line
        let isNegated = skip(name: "not")
        let name = try expectName()
        guard conditionDepth > 0 || ValueTest(rawValue: name) != nil else { throw failure("the test '\(name)' is unknown", line: line) }
        var arguments = Arguments()
        if isSign("(") {
            arguments = try parseArguments()
        } else if startsTestArgument {
            if isName("is") { throw failure("tests cannot be chained with 'is'") }
            let operand = try nested(TemplateLimits.nestingDepth) { parser throws(InputError) in
                try parser.parsePostfix(on: try parser.parsePrimary())
            }
            arguments.positional = [operand]
        }
        let test = try node(.test(value, name, arguments), line: line, over: [value] + arguments.expressions)
        return isNegated ? try node(.not(test), line: line, over: [test]) : test
    }

    private var startsTestArgument: Bool {
        switch current.kind {
        case .string, .integer, .float, .sign("("), .sign("["), .sign("{"): true
        case .name(let name): !["else", "or", "and"].contains(name)
        default: false
        }
    }
}
