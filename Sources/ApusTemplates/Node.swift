/// An expression of a template with the line on which it stands.
struct Expression: Sendable {
    indirect enum Kind: Sendable {
        case constant(TemplateValue)
        case name(String)
        case list([Expression])
        case tuple([Expression])
        case dictionary([(key: Expression, value: Expression)])
        case attribute(Expression, String)
        case item(Expression, Expression)
        case slice(Expression, start: Expression?, stop: Expression?, step: Expression?)
        case call(Expression, Arguments)
        case filter(Expression, String, Arguments)
        case test(Expression, String, Arguments)
        case not(Expression)
        case negative(Expression)
        case positive(Expression)
        case arithmetic(ArithmeticOperator, Expression, Expression)
        case and(Expression, Expression)
        case or(Expression, Expression)
        case comparison(Expression, [(operation: ComparisonOperator, operand: Expression)])
        case concatenation([Expression])
        case conditional(test: Expression, then: Expression, otherwise: Expression?)
        /// The text of the block that a filter is applied to.
        case blockText
    }

    var kind: Kind
    var line: Int
    /// Nodes on the longest way down.
    var depth: Int
}

enum ArithmeticOperator: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case modulo = "%"
    case power = "**"
}

enum ComparisonOperator: String, Sendable {
    case equal = "=="
    case unequal = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case contained = "in"
    case notContained = "not in"
}

/// What stands between a call's parentheses.
struct Arguments: Sendable {
    var positional: [Expression] = []
    var named: [(name: String, value: Expression)] = []
    /// The operand of `*`.
    var spread: Expression?
    /// The operand of `**`.
    var namedSpread: Expression?

    var expressions: [Expression] {
        positional + named.map { $0.value } + [spread, namedSpread].compactMap { $0 }
    }
}

/// Where an assignment stores.
indirect enum AssignmentTarget: Sendable {
    case name(String)
    case attribute(namespace: String, name: String)
    case tuple([AssignmentTarget])
}

/// A statement of a template, or text between tags.
struct Statement: Sendable {
    indirect enum Kind: Sendable {
        case text(String)
        case output(Expression)
        case conditional([(test: Expression, body: [Statement])], otherwise: [Statement])
        case loop(LoopStatement)
        case assign(AssignmentTarget, Expression)
        case assignBlock(AssignmentTarget, filter: Expression, body: [Statement])
        case macro(MacroDefinition)
        case callBlock(MacroDefinition, call: Expression)
        case filterBlock(Expression, body: [Statement])
        case with([(target: AssignmentTarget, value: Expression)], body: [Statement])
        case scope([Statement])
        case breakLoop
        case continueLoop
    }

    var kind: Kind
    var line: Int
}

struct LoopStatement: Sendable {
    var target: AssignmentTarget
    var sequence: Expression
    var filter: Expression?
    var body: [Statement]
    var otherwise: [Statement]
}

struct MacroDefinition: Sendable {
    var name: String
    var parameters: [(name: String, fallback: Expression?)]
    var body: [Statement]
    /// Which of `varargs`, `kwargs` and `caller` the body reads; only those that it reads are accepted.
    var takesExtraPositional: Bool
    var takesExtraNamed: Bool
    var takesCaller: Bool
}
