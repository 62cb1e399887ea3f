import ApusBase

/// Runs a template's tree. Every operation is charged against the limits before it is done.
final class Interpreter {
    let subject: String
    let limits: TemplateLimits
    let now: CivilTime
    /// The line that is being run, for errors.
    var line = 1
    var output = ""
    var scope = Scope(parent: nil)
    /// The text that a filter block or block assignment hands to its filters.
    var blockText = ""
    private var stepsLeft: Int
    private var workLeft: Int
    private var evaluationDepth = 0
    var macroDepth = 0
    /// What could be part of a reference cycle, to be broken at the end.
    var namespaces: [NamespaceValue] = []
    var capturedScopes: [Scope] = []

    init(subject: String, limits: TemplateLimits, now: CivilTime) {
        self.subject = subject
        self.limits = limits
        self.now = now
        stepsLeft = limits.steps
        workLeft = limits.workBytes
    }

    deinit {
        for namespace in namespaces { namespace.removeAll() }
        for captured in capturedScopes {
            var scope: Scope? = captured
            while let current = scope {
                current.variables = [:]
                scope = current.parent
            }
        }
    }

    func failure(_ rule: String, remedy: String? = nil) -> InputError {
        InputError(subject, at: "line \(line)", rule, remedy: remedy)
    }

    func spendStep() throws(InputError) {
        guard stepsLeft > 0 else { throw failure("the template takes more than \(limits.steps) steps") }
        stepsLeft -= 1
    }

    /// Charges bytes that are to be read or made.
    func charge(bytes: Int) throws(InputError) {
        guard bytes <= workLeft else { throw failure("the template's operations handle more than \(limits.workBytes) bytes") }
        workLeft -= bytes
    }

    func charge(elements: Int) throws(InputError) {
        let (bytes, overflow) = elements.multipliedReportingOverflow(by: 32)
        try charge(bytes: overflow ? Int.max : bytes)
    }

    /// Charges a string that is to be made.
    func charge(string bytes: Int) throws(InputError) {
        guard bytes <= limits.outputBytes else { throw failure("a string of \(bytes) bytes is longer than the limit of \(limits.outputBytes)") }
        try charge(bytes: bytes)
    }

    func write(_ text: String) throws(InputError) {
        let count = text.utf8.count
        guard output.utf8.count + count <= limits.outputBytes else {
            throw failure("the output is longer than the limit of \(limits.outputBytes) bytes")
        }
        try charge(bytes: count)
        output += text
    }

    func descend<Result>(_ body: () throws(InputError) -> Result) throws(InputError) -> Result {
        try enter()
        defer { leave() }
        return try body()
    }

    func enter() throws(InputError) {
        guard evaluationDepth < TemplateLimits.evaluationDepth else {
            throw failure("the template's macros and expressions nest deeper than \(TemplateLimits.evaluationDepth) levels")
        }
        evaluationDepth += 1
    }

    func leave() { evaluationDepth -= 1 }

    /// A list over its elements, refused where it would nest too deep.
    func makeSequence(_ kind: SequenceValue.Kind, _ elements: [Value]) throws(InputError) -> Value {
        try charge(elements: elements.count)
        let depth = 1 + elements.reduce(0) { max($0, $1.depth) }
        try check(depth: depth)
        return .sequence(SequenceValue(kind, elements, depth: depth))
    }

    func makeList(_ elements: [Value]) throws(InputError) -> Value { try makeSequence(.list, elements) }
    func makeTuple(_ elements: [Value]) throws(InputError) -> Value { try makeSequence(.tuple, elements) }

    func makeGenerator(_ elements: [Value]) throws(InputError) -> Value {
        try charge(elements: elements.count)
        let depth = 1 + elements.reduce(0) { max($0, $1.depth) }
        try check(depth: depth)
        return .generator(GeneratorValue(elements, depth: depth))
    }

    func makeDictionary(_ members: [(key: Value, value: Value)]) throws(InputError) -> DictionaryValue {
        try charge(elements: members.count)
        let dictionary = DictionaryValue()
        for (key, value) in members { dictionary.insert(try self.key(key), as: key, value) }
        try check(depth: dictionary.depth)
        return dictionary
    }

    func check(depth: Int) throws(InputError) {
        guard depth <= TemplateLimits.valueDepth else { throw failure("lists nest deeper than \(TemplateLimits.valueDepth) levels") }
    }

    func key(_ value: Value) throws(InputError) -> ValueKey {
        if let text = value.text { try charge(bytes: text.utf8.count) }
        guard let key = ValueKey(value) else { throw failure("a value of type \(value.typeName) cannot be a key") }
        return key
    }

    /// The runtime form of a value given from outside.
    func value(_ given: TemplateValue, depth: Int = 0) throws(InputError) -> Value {
        try check(depth: depth)
        switch given {
        case .null: return .none
        case .bool(let value): return .bool(value)
        case .int(let value): return .int(value)
        case .double(let value): return .double(value)
        case .string(let text): return .string(text)
        case .array(let values):
            var elements: [Value] = []
            for value in values { elements.append(try self.value(value, depth: depth + 1)) }
            return try makeList(elements)
        case .object(let object):
            var members: [(key: Value, value: Value)] = []
            for (key, value) in object.members { members.append((.string(key), try self.value(value, depth: depth + 1))) }
            return .dictionary(try makeDictionary(members))
        }
    }
}
