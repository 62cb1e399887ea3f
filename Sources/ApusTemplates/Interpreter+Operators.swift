import ApusBase
import Glibc

extension Interpreter {
    func negated(_ value: Value) throws(InputError) -> Value {
        if case .double(let number) = value { return .double(-number) }
        guard let whole = value.integer else { throw unsupported("-", value) }
        return .int(try exact(0.subtractingReportingOverflow(whole)))
    }

    func positive(_ value: Value) throws(InputError) -> Value {
        if case .double = value { return value }
        guard let whole = value.integer else { throw unsupported("+", value) }
        return .int(whole)
    }

    private func unsupported(_ operation: String, _ values: Value...) -> InputError {
        for value in values { if case .undefined(let reason) = value { return failure(reason) } }
        return failure("'\(operation)' does not work on \(values.map { $0.typeName }.joined(separator: " and "))")
    }

    func exact(_ result: (partialValue: Int, overflow: Bool)) throws(InputError) -> Int {
        guard !result.overflow else { throw failure("the number does not fit 64 bits") }
        return result.partialValue
    }

    func arithmetic(_ operation: ArithmeticOperator, _ left: Value, _ right: Value) throws(InputError) -> Value {
        if let one = left.integer, let other = right.integer { return try whole(operation, one, other) }
        if let one = left.number, let other = right.number { return .double(try real(operation, one, other)) }
        switch (operation, left, right) {
        case (.add, .sequence(let one), .sequence(let other))
        where one.kind == other.kind && (one.kind == .list || one.kind == .tuple):
            try charge(elements: one.elements.count + other.elements.count)
            return try makeSequence(one.kind, one.elements + other.elements)
        case (.add, _, _): if let joined = try joined(left, right) { return joined }
        case (.multiply, _, _):
            if let count = right.integer, let repeated = try repeated(left, count) { return repeated }
            if let count = left.integer, let repeated = try repeated(right, count) { return repeated }
        case (.modulo, .string(let format), _):
            if case .sequence(let sequence) = right, sequence.kind == .tuple {
                return .string(try percentFormat(format, sequence.elements, named: nil))
            }
            if case .undefined(let reason) = right { throw failure(reason) }
            var named: DictionaryValue?
            if case .dictionary(let dictionary) = right { named = dictionary }
            return .string(try percentFormat(format, [right], named: named))
        default: break
        }
        throw unsupported(operation.rawValue, left, right)
    }

    /// `+` of strings. Next to a string marked safe the other is escaped.
    private func joined(_ left: Value, _ right: Value) throws(InputError) -> Value? {
        guard let one = left.text, let other = right.text else { return nil }
        try charge(string: one.utf8.count + other.utf8.count)
        switch (left, right) {
        case (.string, .string): return .string(one + other)
        case (.markup, .string): return .markup(one + PythonText.escaped(other))
        case (.string, .markup): return .markup(PythonText.escaped(one) + other)
        default: return .markup(one + other)
        }
    }

    private func repeated(_ value: Value, _ count: Int) throws(InputError) -> Value? {
        let count = max(0, count)
        if let text = value.text {
            let (bytes, overflow) = text.utf8.count.multipliedReportingOverflow(by: count)
            try charge(string: overflow ? Int.max : bytes)
            let result = text.isEmpty ? "" : String(repeating: text, count: count)
            if case .markup = value { return .markup(result) }
            return .string(result)
        }
        guard case .sequence(let sequence) = value, sequence.kind == .list || sequence.kind == .tuple else { return nil }
        let (total, overflow) = sequence.elements.count.multipliedReportingOverflow(by: count)
        try charge(elements: overflow ? Int.max : total)
        if total == 0 { return try makeSequence(sequence.kind, []) }
        return try makeSequence(sequence.kind, Array(repeatElement(sequence.elements, count: count).joined()))
    }

    private func whole(_ operation: ArithmeticOperator, _ left: Int, _ right: Int) throws(InputError) -> Value {
        switch operation {
        case .add: return .int(try exact(left.addingReportingOverflow(right)))
        case .subtract: return .int(try exact(left.subtractingReportingOverflow(right)))
        case .multiply: return .int(try exact(left.multipliedReportingOverflow(by: right)))
        case .divide: return .double(try real(.divide, Double(left), Double(right)))
        case .floorDivide, .modulo:
            guard right != 0 else { throw failure("division by zero") }
            if right == -1 { return operation == .modulo ? .int(0) : .int(try exact(0.subtractingReportingOverflow(left))) }
            let remainder = left % right
            let needsShift = remainder != 0 && (remainder < 0) != (right < 0)
            if operation == .modulo { return .int(needsShift ? remainder + right : remainder) }
            return .int(left / right - (needsShift ? 1 : 0))
        case .power:
            if right < 0 { return .double(try real(.power, Double(left), Double(right))) }
            return .int(try wholePower(left, right))
        }
    }

    private func wholePower(_ base: Int, _ exponent: Int) throws(InputError) -> Int {
        if exponent == 0 || base == 1 { return 1 }
        if base == 0 { return 0 }
        if base == -1 { return exponent % 2 == 0 ? 1 : -1 }
        guard exponent < 64 else { throw failure("the number does not fit 64 bits") }
        var result = 1
        for _ in 0..<exponent { result = try exact(result.multipliedReportingOverflow(by: base)) }
        return result
    }

    private func real(_ operation: ArithmeticOperator, _ left: Double, _ right: Double) throws(InputError) -> Double {
        switch operation {
        case .add: return left + right
        case .subtract: return left - right
        case .multiply: return left * right
        case .divide:
            guard right != 0 else { throw failure("division by zero") }
            return left / right
        case .floorDivide:
            guard right != 0 else { throw failure("division by zero") }
            return flooredQuotient(left, right)
        case .modulo:
            guard right != 0 else { throw failure("division by zero") }
            return flooredRemainder(left, right)
        case .power:
            guard left != 0 || right >= 0 else { throw failure("zero cannot be raised to a negative power") }
            let result = pow(left, right)
            guard !result.isNaN || left.isNaN || right.isNaN else { throw failure("a power that is no real number") }
            guard result.isFinite || !left.isFinite || !right.isFinite else { throw failure("the power is too large for a float") }
            return result
        }
    }

    /// Python's `%`: the sign is the divisor's.
    private func flooredRemainder(_ left: Double, _ right: Double) -> Double {
        let remainder = fmod(left, right)
        if remainder == 0 { return Double(signOf: right, magnitudeOf: 0) }
        return (remainder < 0) != (right < 0) ? remainder + right : remainder
    }

    private func flooredQuotient(_ left: Double, _ right: Double) -> Double {
        var remainder = fmod(left, right)
        var quotient = (left - remainder) / right
        if remainder != 0, (remainder < 0) != (right < 0) {
            remainder += right
            quotient -= 1
        }
        if quotient == 0 { return Double(signOf: left / right, magnitudeOf: 0) }
        let floored = quotient.rounded(.down)
        return quotient - floored > 0.5 ? floored + 1 : floored
    }

    func holds(_ operation: ComparisonOperator, _ left: Value, _ right: Value) throws(InputError) -> Bool {
        switch operation {
        case .equal: return try areEqual(left, right)
        case .unequal: return !(try areEqual(left, right))
        case .less: return try isLess(left, right, "<")
        case .greater: return try isLess(right, left, ">")
        case .lessOrEqual:
            if left.isNotANumber || right.isNotANumber { return false }
            return !(try isLess(right, left, "<="))
        case .greaterOrEqual:
            if left.isNotANumber || right.isNotANumber { return false }
            return !(try isLess(left, right, ">="))
        case .contained: return try contains(right, left)
        case .notContained: return !(try contains(right, left))
        }
    }

    func areEqual(_ left: Value, _ right: Value) throws(InputError) -> Bool {
        try spendStep()
        if let one = left.integer, let other = right.integer { return one == other }
        if let one = left.number, let other = right.number { return try compare(left, right, one, other) == 0 }
        if let one = left.text, let other = right.text {
            try charge(bytes: min(one.utf8.count, other.utf8.count))
            return PythonText.areEqual(one, other)
        }
        switch (left, right) {
        case (.none, .none), (.undefined, .undefined): return true
        case (.sequence(let one), .sequence(let other)):
            if one === other { return true }
            guard one.kind == other.kind, one.elements.count == other.elements.count else { return false }
            for (first, second) in zip(one.elements, other.elements) where !(try areEqual(first, second)) { return false }
            return true
        case (.dictionary(let one), .dictionary(let other)):
            if one === other { return true }
            guard one.keys.count == other.keys.count else { return false }
            for (key, value) in zip(one.keys, one.values) {
                guard let second = other[try self.key(key)], try areEqual(value, second) else { return false }
            }
            return true
        case (.namespace(let one), .namespace(let other)): return one === other
        case (.loop(let one), .loop(let other)): return one === other
        case (.generator(let one), .generator(let other)): return one === other
        case (.macro(let one), .macro(let other)): return one.definition === other.definition
        case (.function(let one), .function(let other)): return one == other
        default: return false
        }
    }

    /// -1, 0 or 1, or 2 with a NaN; exact also where a float cannot hold the integer.
    private func compare(_ left: Value, _ right: Value, _ one: Double, _ other: Double) throws(InputError) -> Int {
        if one.isNaN || other.isNaN { return 2 }
        if one != other { return one < other ? -1 : 1 }
        if let whole = left.integer, right.integer == nil, let exact = Int(exactly: other) { return whole == exact ? 0 : whole < exact ? -1 : 1 }
        if let whole = right.integer, left.integer == nil, let exact = Int(exactly: one) { return exact == whole ? 0 : exact < whole ? -1 : 1 }
        return 0
    }

    func isLess(_ left: Value, _ right: Value, _ operation: String = "<") throws(InputError) -> Bool {
        try spendStep()
        if let one = left.integer, let other = right.integer { return one < other }
        if let one = left.number, let other = right.number { return try compare(left, right, one, other) == -1 }
        if let one = left.text, let other = right.text {
            try charge(bytes: min(one.utf8.count, other.utf8.count))
            return PythonText.isLess(one, other)
        }
        if case .sequence(let one) = left, case .sequence(let other) = right, one.kind == other.kind, one.kind == .list || one.kind == .tuple {
            for (first, second) in zip(one.elements, other.elements) where !(try areEqual(first, second)) {
                return try isLess(first, second, operation)
            }
            return one.elements.count < other.elements.count
        }
        throw unsupported(operation, left, right)
    }

    func contains(_ container: Value, _ element: Value) throws(InputError) -> Bool {
        switch container {
        case .string(let text), .markup(let text):
            guard let part = element.text else { throw unsupported("in", element, container) }
            return try find(part, in: text, from: 0) != nil
        case .dictionary(let dictionary):
            if element.isUndefined { return false }
            return dictionary[try key(element)] != nil
        default:
            for candidate in try iterate(container) where try areEqual(candidate, element) { return true }
            return false
        }
    }
}

extension Value {
    fileprivate var isNotANumber: Bool { if case .double(let number) = self { number.isNaN } else { false } }
}

extension Double {
    fileprivate init(signOf sign: Double, magnitudeOf magnitude: Double) {
        self = copysign(magnitude, sign)
    }
}
