import ApusBase

/// What can stand after `is`.
enum ValueTest: String {
    case boolean, callable, defined, undefined, divisibleby, even, odd, float, integer, number, iterable, lower, upper, mapping, none
    case sameas, sequence, string, `true`, `false`, escaped, filter, test, `in`
    case equal = "==", eq, equalto
    case unequal = "!=", ne
    case less = "<", lt, lessthan
    case lessOrEqual = "<=", le
    case greater = ">", gt, greaterthan
    case greaterOrEqual = ">=", ge

    var comparison: ComparisonOperator? {
        switch self {
        case .equal, .eq, .equalto: .equal
        case .unequal, .ne: .unequal
        case .less, .lt, .lessthan: .less
        case .lessOrEqual, .le: .lessOrEqual
        case .greater, .gt, .greaterthan: .greater
        case .greaterOrEqual, .ge: .greaterOrEqual
        default: nil
        }
    }
}

extension Interpreter {
    func applyTest(_ name: String, to value: Value, _ arguments: CallArguments) throws(InputError) -> Bool {
        guard let test = ValueTest(rawValue: name) else { throw failure("the test '\(name)' is unknown") }
        let needsOne = test.comparison != nil || test == .divisibleby || test == .sameas || test == .in
        guard arguments.named.isEmpty, arguments.positional.count == (needsOne ? 1 : 0) else {
            throw failure("the test '\(name)' takes \(needsOne ? "one argument" : "no argument")")
        }
        if needsOne { return try applyTest(test, to: value, arguments.positional[0]) }
        switch test {
        case .defined: return !value.isUndefined
        case .undefined: return value.isUndefined
        case .even, .odd:
            guard case .int(let remainder) = try arithmetic(.modulo, value, .int(2)) else { return false }
            return (remainder == 1) == (test == .odd)
        case .lower: return isCased(try display(value), .lowercase)
        case .upper: return isCased(try display(value), .uppercase)
        case .filter: return value.text.map { Filter.named($0) != nil } ?? false
        case .test: return value.text.map { ValueTest(rawValue: $0) != nil } ?? false
        default: return isOfType(test, value)
        }
    }

    private func applyTest(_ test: ValueTest, to value: Value, _ argument: Value) throws(InputError) -> Bool {
        if let comparison = test.comparison { return try holds(comparison, value, argument) }
        switch test {
        case .divisibleby:
            let remainder = try arithmetic(.modulo, value, argument)
            return remainder.number == 0
        case .in: return try contains(argument, value)
        default: return try isSame(value, argument)
        }
    }

    private func isOfType(_ test: ValueTest, _ value: Value) -> Bool {
        switch (test, value) {
        case (.boolean, .bool), (.none, .none), (.string, .string), (.string, .markup), (.mapping, .dictionary), (.float, .double),
            (.integer, .int), (.number, .int), (.number, .double), (.number, .bool), (.true, .bool(true)), (.false, .bool(false)),
            (.escaped, .markup), (.callable, .macro), (.callable, .function), (.callable, .method), (.callable, .undefined):
            true
        case (.iterable, .undefined), (.iterable, .string), (.iterable, .markup), (.iterable, .sequence), (.iterable, .dictionary),
            (.iterable, .generator), (.iterable, .loop), (.sequence, .undefined), (.sequence, .string), (.sequence, .markup),
            (.sequence, .dictionary):
            true
        case (.sequence, .sequence(let sequence)): sequence.kind == .list || sequence.kind == .tuple || sequence.kind == .range
        default: false
        }
    }

    /// Identity; small values that Python shares are the same when they are equal.
    private func isSame(_ left: Value, _ right: Value) throws(InputError) -> Bool {
        switch (left, right) {
        case (.bool, .bool), (.int, .int), (.string, .string), (.none, .none): return try areEqual(left, right)
        case (.sequence(let one), .sequence(let other)): return one === other
        case (.dictionary(let one), .dictionary(let other)): return one === other
        case (.namespace(let one), .namespace(let other)): return one === other
        default: return false
        }
    }

    enum LetterCase { case lowercase, uppercase }

    /// `str.islower` and `str.isupper`.
    func isCased(_ text: String, _ letterCase: LetterCase) -> Bool {
        var hasCased = false
        for scalar in text.unicodeScalars where scalar.properties.isCased {
            let fits = letterCase == .lowercase ? scalar.properties.isLowercase : scalar.properties.isUppercase
            guard fits else { return false }
            hasCased = true
        }
        return hasCased
    }
}
