/// What one rendering may use at most. Each is refused with an error that names the limit.
public struct TemplateLimits: Sendable, Equatable {
    /// Nodes of the template executed; the bound on time.
    public var steps: Int
    /// Bytes of the rendered text, and of any string made on the way.
    public var outputBytes: Int
    /// Bytes read and made by all operations together (a list's element counts 32); bounds memory and time.
    public var workBytes: Int
    /// Macro calls inside macro calls.
    public var macroDepth: Int
    /// Elements of one `range`.
    public var rangeCount: Int

    /// Limits that the templates of known models stay far below.
    public init(
        steps: Int = 1_000_000, outputBytes: Int = 16 << 20, workBytes: Int = 256 << 20, macroDepth: Int = 64,
        rangeCount: Int = 100_000
    ) {
        self.steps = steps
        self.outputBytes = outputBytes
        self.workBytes = workBytes
        self.macroDepth = macroDepth
        self.rangeCount = rangeCount
    }

    // Parsing and running at the depths below fits a stack of 1 MiB; a test holds this.

    /// Height of an expression's tree; a chain `a + b + c` counts one for each sign.
    static let expressionDepth = 200
    /// Brackets and prefix operators in one another, with the statements around them.
    static let nestingDepth = 80
    /// Statements in statements.
    static let statementDepth = 60
    /// Nodes on the interpreter's stack.
    static let evaluationDepth = 1000
    /// Lists in lists.
    static let valueDepth = 160
    /// Characters of a template's source.
    static let sourceLength = 4 << 20
}
