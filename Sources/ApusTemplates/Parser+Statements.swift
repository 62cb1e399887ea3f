import ApusBase

extension Parser {
    mutating func parseStatement(into body: inout [Statement], opening: (tag: String, line: Int)?) throws(InputError) {
        let line = current.line
        guard case .name(let tag) = current.kind else { throw failure("expected a tag's name but found \(current.description)") }
        advance()
        let kind: Statement.Kind
        switch tag {
        case "if": kind = try parseConditional(line: line)
        case "for": kind = try parseLoop(line: line)
        case "set": kind = try parseAssignment(line: line)
        case "macro": kind = try parseMacro(line: line)
        case "call": kind = try parseCallBlock(line: line)
        case "filter":
            let filter = try parseFilters(on: blockText(line: line))
            kind = .filterBlock(filter, body: try parseBlock("filter", line: line))
        case "with": kind = try parseWith(line: line)
        case "generation": kind = .scope(try parseBlock("generation", line: line))
        case "print":
            kind = .output(try parseTuple())
            try expect(.blockEnd)
        case "break", "continue":
            guard loopDepth > 0 else { throw failure("'\(tag)' stands outside of a loop", line: line) }
            kind = tag == "break" ? .breakLoop : .continueLoop
            try expect(.blockEnd)
        case "include", "import", "from", "extends", "block", "autoescape":
            throw failure("the tag '\(tag)' is not supported: a chat template must stand alone", line: line)
        default:
            if tag.hasPrefix("end") || tag == "else" || tag == "elif" {
                let wanted = opening.map { "; the '\($0.tag)' of line \($0.line) is open" } ?? ""
                throw failure("the tag '\(tag)' closes nothing\(wanted)", line: line)
            }
            throw failure("the tag '\(tag)' is unknown", line: line)
        }
        body.append(Statement(kind: kind, line: line))
    }

    private func blockText(line: Int) -> Expression { Expression(kind: .blockText, line: line, depth: 1) }

    /// The rest of an opening block's tag, the body, and the block that ends it.
    private mutating func parseBlock(_ tag: String, line: Int) throws(InputError) -> [Statement] {
        try expect(.blockEnd)
        let body = try parseBody(until: ["end" + tag], of: (tag, line))
        advance()
        try expect(.blockEnd)
        return body
    }

    private mutating func parseConditional(line: Int) throws(InputError) -> Statement.Kind {
        conditionDepth += 1
        defer { conditionDepth -= 1 }
        var branches: [(test: Expression, body: [Statement])] = []
        var otherwise: [Statement] = []
        while true {
            let test = try parseTuple(withConditional: false)
            try expect(.blockEnd)
            branches.append((test, try parseBody(until: ["elif", "else", "endif"], of: ("if", line))))
            if skip(name: "elif") { continue }
            if skip(name: "else") {
                try expect(.blockEnd)
                otherwise = try parseBody(until: ["endif"], of: ("if", line))
            }
            advance()
            try expect(.blockEnd)
            return .conditional(branches, otherwise: otherwise)
        }
    }

    private mutating func parseLoop(line: Int) throws(InputError) -> Statement.Kind {
        let target = try parseTarget(endingAt: "in", withNamespace: false)
        try expect(name: "in")
        let sequence = try parseTuple(withConditional: false, endingAt: "recursive")
        var filter: Expression?
        if skip(name: "if") { filter = try parseExpression() }
        if isName("recursive") { throw failure("a recursive loop is not supported; use a macro") }
        try expect(.blockEnd)
        loopDepth += 1
        let body = try parseBody(until: ["endfor", "else"], of: ("for", line))
        loopDepth -= 1
        var otherwise: [Statement] = []
        if skip(name: "else") {
            try expect(.blockEnd)
            otherwise = try parseBody(until: ["endfor"], of: ("for", line))
        }
        advance()
        try expect(.blockEnd)
        return .loop(LoopStatement(target: target, sequence: sequence, filter: filter, body: body, otherwise: otherwise))
    }

    private mutating func parseAssignment(line: Int) throws(InputError) -> Statement.Kind {
        let target = try parseTarget(endingAt: nil, withNamespace: true)
        if skip(sign: "=") {
            let value = try parseTuple()
            try expect(.blockEnd)
            return .assign(target, value)
        }
        let filter = try parseFilters(on: blockText(line: line), acceptsNone: true)
        return .assignBlock(target, filter: filter, body: try parseBlock("set", line: line))
    }

    /// A name, a namespace's attribute, or a tuple of them.
    private mutating func parseTarget(endingAt end: String?, withNamespace: Bool) throws(InputError) -> AssignmentTarget {
        var targets: [AssignmentTarget] = []
        var isTuple = false
        repeat {
            if let end, isName(end), !targets.isEmpty { break }
            if !targets.isEmpty, isSign("=") || current.kind == .blockEnd { break }
            if isSign("(") {
                targets.append(
                    try nested(TemplateLimits.nestingDepth) { parser throws(InputError) in
                        parser.advance()
                        let inner = try parser.parseTarget(endingAt: nil, withNamespace: withNamespace)
                        try parser.expect(sign: ")")
                        return inner
                    })
            } else {
                targets.append(try parseSingleTarget(withNamespace: withNamespace))
            }
            if isSign(",") { isTuple = true }
        } while skip(sign: ",")
        return isTuple || targets.count != 1 ? .tuple(targets) : targets[0]
    }

    private mutating func parseSingleTarget(withNamespace: Bool) throws(InputError) -> AssignmentTarget {
        let name = try expectAssignableName()
        guard withNamespace, skip(sign: ".") else { return .name(name) }
        noteRead(name)
        return .attribute(namespace: name, name: try expectName())
    }

    private mutating func expectAssignableName() throws(InputError) -> String {
        let name = try expectName()
        if ["true", "false", "none", "True", "False", "None"].contains(name) {
            throw failure("nothing can be assigned to '\(name)'")
        }
        return name
    }

    private mutating func parseWith(line: Int) throws(InputError) -> Statement.Kind {
        var bindings: [(target: AssignmentTarget, value: Expression)] = []
        while current.kind != .blockEnd {
            if !bindings.isEmpty { try expect(sign: ",") }
            let target = try parseSingleTarget(withNamespace: false)
            try expect(sign: "=")
            bindings.append((target, try parseExpression()))
        }
        return .with(bindings, body: try parseBlock("with", line: line))
    }

    private mutating func parseMacro(line: Int) throws(InputError) -> Statement.Kind {
        let name = try expectAssignableName()
        let parameters = try parseSignature()
        return .macro(try parseMacroBody(name: name, parameters: parameters, tag: "macro", line: line))
    }

    private mutating func parseCallBlock(line: Int) throws(InputError) -> Statement.Kind {
        let parameters = isSign("(") ? try parseSignature() : []
        let call = try parseExpression()
        guard case .call = call.kind else { throw failure("a 'call' block needs a call", line: line) }
        return .callBlock(try parseMacroBody(name: "caller", parameters: parameters, tag: "call", line: line), call: call)
    }

    private mutating func parseSignature() throws(InputError) -> [(name: String, fallback: Expression?)] {
        var parameters: [(name: String, fallback: Expression?)] = []
        try expect(sign: "(")
        while !isSign(")") {
            if !parameters.isEmpty { try expect(sign: ",") }
            let name = try expectAssignableName()
            guard !parameters.contains(where: { $0.name == name }) else { throw failure("the parameter '\(name)' is named twice") }
            let fallback = skip(sign: "=") ? try parseExpression() : nil
            if fallback == nil, parameters.last?.fallback != nil {
                throw failure("the parameter '\(name)' without a default follows one with a default")
            }
            parameters.append((name, fallback))
        }
        try expect(sign: ")")
        return parameters
    }

    private mutating func parseMacroBody(
        name: String, parameters: [(name: String, fallback: Expression?)], tag: String, line: Int
    ) throws(InputError) -> MacroDefinition {
        let loops = loopDepth
        loopDepth = 0
        namesReadByMacro.append([])
        let body = try parseBlock(tag, line: line)
        loopDepth = loops
        let names = namesReadByMacro.removeLast()
        return MacroDefinition(
            name: name, parameters: parameters, body: body, takesExtraPositional: names.contains("varargs"),
            takesExtraNamed: names.contains("kwargs"), takesCaller: names.contains("caller"))
    }

    mutating func noteRead(_ name: String) {
        for index in namesReadByMacro.indices { namesReadByMacro[index].insert(name) }
    }
}
