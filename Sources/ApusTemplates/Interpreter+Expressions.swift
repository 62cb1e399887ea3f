import ApusBase

extension Interpreter {
    func evaluate(_ expression: Expression) throws(InputError) -> Value {
        try enter()
        defer { leave() }
        try spendStep()
        line = expression.line
        switch expression.kind {
        case .constant(let constant): return try value(constant)
        case .name(let name): return lookup(name)
        case .list(let elements): return try makeList(try evaluate(all: elements))
        case .tuple(let elements): return try makeTuple(try evaluate(all: elements))
        case .dictionary(let members): return try evaluateDictionary(members)
        case .attribute(let base, let name): return try attribute(name, of: try evaluate(base))
        case .item(let base, let index): return try evaluateItem(base, index)
        case .slice(let base, let start, let stop, let step): return try evaluateSlice(base, start, stop, step)
        case .call(let callee, let arguments): return try evaluateCall(callee, arguments, line: expression.line)
        case .filter(let base, let name, let arguments): return try evaluateFilter(base, name, arguments, line: expression.line)
        case .test(let base, let name, let arguments): return try evaluateTest(base, name, arguments)
        case .not(let operand): return .bool(!(try evaluate(operand).isTrue))
        case .negative(let operand): return try negated(try evaluate(operand))
        case .positive(let operand): return try positive(try evaluate(operand))
        case .arithmetic(let operation, let left, let right): return try evaluateArithmetic(operation, left, right)
        case .and(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? try evaluate(right) : value
        case .or(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? value : try evaluate(right)
        case .comparison(let first, let operations): return try evaluateComparison(first, operations)
        case .concatenation(let parts): return try evaluateConcatenation(parts)
        case .conditional(let test, let then, let otherwise):
            if try evaluate(test).isTrue { return try evaluate(then) }
            guard let otherwise else { return .undefined("the condition has no 'else'") }
            return try evaluate(otherwise)
        case .blockText: return .string(blockText)
        }
    }

    private func lookup(_ name: String) -> Value {
        if let value = scope.lookup(name) { return value }
        if let function = BuiltinFunction(rawValue: name) { return .function(function) }
        return .undefined("'\(name)' is undefined")
    }

    func evaluate(all expressions: [Expression]) throws(InputError) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(expressions.count)
        for expression in expressions { values.append(try evaluate(expression)) }
        return values
    }

    @inline(never)
    private func evaluateDictionary(_ members: [(key: Expression, value: Expression)]) throws(InputError) -> Value {
        var evaluated: [(key: Value, value: Value)] = []
        for member in members { evaluated.append((try evaluate(member.key), try evaluate(member.value))) }
        return .dictionary(try makeDictionary(evaluated))
    }

    @inline(never)
    private func evaluateItem(_ base: Expression, _ index: Expression) throws(InputError) -> Value {
        let value = try evaluate(base)
        return try item(try evaluate(index), of: value)
    }

    @inline(never)
    private func evaluateSlice(
        _ base: Expression, _ start: Expression?, _ stop: Expression?, _ step: Expression?
    ) throws(InputError) -> Value {
        let value = try evaluate(base)
        var bounds: [Int?] = []
        for expression in [start, stop, step] {
            guard let expression else {
                bounds.append(nil)
                continue
            }
            switch try evaluate(expression) {
            case .none: bounds.append(nil)
            case let bound:
                guard let index = bound.integer else { throw failure("a slice's bound must be an integer, not of type \(bound.typeName)") }
                bounds.append(index)
            }
        }
        return try slice(value, start: bounds[0], stop: bounds[1], step: bounds[2] ?? 1)
    }

    @inline(never)
    private func evaluateCall(_ callee: Expression, _ written: Arguments, line: Int) throws(InputError) -> Value {
        let function = try evaluate(callee)
        let arguments = try evaluate(written)
        self.line = line
        let result = try call(function, arguments)
        self.line = line
        return result
    }

    func evaluate(_ written: Arguments) throws(InputError) -> CallArguments {
        var arguments = CallArguments()
        arguments.positional = try evaluate(all: written.positional)
        for (name, expression) in written.named { arguments.named.append((name, try evaluate(expression))) }
        if let spread = written.spread { arguments.positional += try iterate(try evaluate(spread)) }
        if let spread = written.namedSpread {
            guard case .dictionary(let members) = try evaluate(spread) else { throw failure("'**' in a call needs a dictionary") }
            for (key, value) in zip(members.keys, members.values) {
                guard case .string(let name) = key else { throw failure("'**' in a call needs keys that are strings") }
                guard !arguments.named.contains(where: { $0.name == name }) else { throw failure("the argument '\(name)' is given twice") }
                try spendStep()
                arguments.named.append((name, value))
            }
        }
        return arguments
    }

    @inline(never)
    private func evaluateFilter(_ base: Expression, _ name: String, _ written: Arguments, line: Int) throws(InputError) -> Value {
        let value = try evaluate(base)
        let arguments = try evaluate(written)
        self.line = line
        return try applyFilter(name, to: value, arguments)
    }

    @inline(never)
    private func evaluateTest(_ base: Expression, _ name: String, _ written: Arguments) throws(InputError) -> Value {
        let value = try evaluate(base)
        return .bool(try applyTest(name, to: value, try evaluate(written)))
    }

    @inline(never)
    private func evaluateArithmetic(_ operation: ArithmeticOperator, _ left: Expression, _ right: Expression) throws(InputError) -> Value {
        let first = try evaluate(left)
        return try arithmetic(operation, first, try evaluate(right))
    }

    @inline(never)
    private func evaluateComparison(
        _ first: Expression, _ operations: [(operation: ComparisonOperator, operand: Expression)]
    ) throws(InputError) -> Value {
        var left = try evaluate(first)
        for (operation, operand) in operations {
            let right = try evaluate(operand)
            guard try holds(operation, left, right) else { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    @inline(never)
    private func evaluateConcatenation(_ parts: [Expression]) throws(InputError) -> Value {
        var text = ""
        for part in parts {
            let piece = try display(try evaluate(part))
            try charge(string: text.utf8.count + piece.utf8.count)
            text += piece
        }
        return .string(text)
    }
}
