import ApusBase

/// Builds the tree of a template from its tokens. Nesting is limited, so that no source can exhaust the stack,
/// here or in the interpreter.
struct Parser {
    private let tokens: [Token]
    let subject: String
    private var index = 0
    private var nesting = 0
    var loopDepth = 0
    /// Conditions around the current place; what only a branch needs may be unknown until the branch is taken.
    var conditionDepth = 0
    /// For each macro around the current place, the names that its body reads.
    var namesReadByMacro: [Set<String>] = []

    init(_ tokens: [Token], subject: String) {
        self.tokens = tokens
        self.subject = subject
    }

    var current: Token { tokens[index] }
    var next: Token { tokens[min(index + 1, tokens.count - 1)] }

    func failure(_ rule: String, line: Int? = nil) -> InputError {
        InputError(subject, at: "line \(line ?? current.line)", rule)
    }

    mutating func advance() { if index < tokens.count - 1 { index += 1 } }

    func isSign(_ sign: String) -> Bool { current.kind == .sign(sign) }
    func isName(_ name: String) -> Bool { current.kind == .name(name) }

    mutating func skip(sign: String) -> Bool {
        guard isSign(sign) else { return false }
        advance()
        return true
    }

    mutating func skip(name: String) -> Bool {
        guard isName(name) else { return false }
        advance()
        return true
    }

    mutating func expect(sign: String) throws(InputError) {
        guard skip(sign: sign) else { throw failure("expected '\(sign)' but found \(current.description)") }
    }

    mutating func expect(name: String) throws(InputError) {
        guard skip(name: name) else { throw failure("expected '\(name)' but found \(current.description)") }
    }

    mutating func expect(_ kind: Token.Kind) throws(InputError) {
        guard current.kind == kind else {
            throw failure("expected \(Token(kind: kind, line: 0).description) but found \(current.description)")
        }
        advance()
    }

    mutating func expectName() throws(InputError) -> String {
        guard case .name(let name) = current.kind else { throw failure("expected a name but found \(current.description)") }
        advance()
        return name
    }

    mutating func nested<Result>(_ limit: Int, _ parse: (inout Parser) throws(InputError) -> Result) throws(InputError) -> Result {
        guard nesting < limit else { throw failure("the template nests deeper than \(limit) levels") }
        nesting += 1
        defer { nesting -= 1 }
        return try parse(&self)
    }

    /// A node over its children, refused where it would be too deep to walk.
    func node(_ kind: Expression.Kind, line: Int, over children: [Expression]) throws(InputError) -> Expression {
        let depth = 1 + children.reduce(0) { max($0, $1.depth) }
        guard depth <= TemplateLimits.expressionDepth else {
            throw failure("the expression is deeper than \(TemplateLimits.expressionDepth) levels", line: line)
        }
        return Expression(kind: kind, line: line, depth: depth)
    }

    mutating func run() throws(InputError) -> [Statement] {
        let body = try parseBody(until: [], of: nil)
        guard current.kind == .end else { throw failure("expected the end of the template but found \(current.description)") }
        return body
    }

    /// Statements up to a block that starts with one of the names, which becomes the current token;
    /// `opening` is the tag that wants the end, with its line.
    mutating func parseBody(until ends: [String], of opening: (tag: String, line: Int)?) throws(InputError) -> [Statement] {
        try nested(TemplateLimits.statementDepth) { parser throws(InputError) in
            var body: [Statement] = []
            while true {
                let line = parser.current.line
                switch parser.current.kind {
                case .text(let text):
                    parser.advance()
                    body.append(Statement(kind: .text(text), line: line))
                case .variableBegin:
                    parser.advance()
                    let expression = try parser.parseTuple()
                    try parser.expect(.variableEnd)
                    body.append(Statement(kind: .output(expression), line: line))
                case .blockBegin:
                    parser.advance()
                    if case .name(let name) = parser.current.kind, ends.contains(name) { return body }
                    try parser.parseStatement(into: &body, opening: opening)
                default:
                    if let opening {
                        throw parser.failure("the '\(opening.tag)' of line \(opening.line) is not closed", line: opening.line)
                    }
                    return body
                }
            }
        }
    }
}
