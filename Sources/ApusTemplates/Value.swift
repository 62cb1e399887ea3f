/// A value while a template runs: Python's, as far as templates can make them. All but namespaces and generators
/// are immutable, as in Jinja's immutable sandbox.
enum Value {
    /// What a missing name or member gives; the text says what is missing.
    case undefined(String)
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    /// A string marked safe: `+` escapes what it is joined with, as MarkupSafe does.
    case markup(String)
    case sequence(SequenceValue)
    case generator(GeneratorValue)
    case dictionary(DictionaryValue)
    case namespace(NamespaceValue)
    case loop(LoopState)
    case macro(MacroValue)
    case function(BuiltinFunction)
    case method(MethodValue)

    var text: String? {
        switch self {
        case .string(let text), .markup(let text): text
        default: nil
        }
    }

    /// The value as an index or a count; Python's booleans are integers.
    var integer: Int? {
        switch self {
        case .int(let value): value
        case .bool(let value): value ? 1 : 0
        default: nil
        }
    }

    var number: Double? {
        if case .double(let value) = self { return value }
        return integer.map { Double($0) }
    }

    var isUndefined: Bool { if case .undefined = self { true } else { false } }

    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .int(let value): value != 0
        case .double(let value): value != 0
        case .string(let text), .markup(let text): !text.isEmpty
        case .sequence(let sequence): !sequence.elements.isEmpty
        case .dictionary(let dictionary): !dictionary.keys.isEmpty
        case .loop(let loop): !loop.elements.isEmpty
        case .generator, .namespace, .macro, .function, .method: true
        }
    }

    /// Lists in lists below and with this value.
    var depth: Int {
        switch self {
        case .sequence(let sequence): sequence.depth
        case .dictionary(let dictionary): dictionary.depth
        case .generator(let generator): generator.depth
        case .method(let method): method.receiver.depth + 1
        case .loop(let loop): loop.depth
        default: 0
        }
    }

    /// Python's name of the type, for messages.
    var typeName: String {
        switch self {
        case .undefined: "undefined"
        case .none: "none"
        case .bool: "bool"
        case .int: "int"
        case .double: "float"
        case .string, .markup: "string"
        case .sequence(let sequence): sequence.kind.rawValue
        case .generator: "generator"
        case .dictionary: "dict"
        case .namespace: "namespace"
        case .loop: "loop"
        case .macro: "macro"
        case .function: "function"
        case .method: "method"
        }
    }
}

final class SequenceValue {
    enum Kind: String { case list, tuple, range, keys = "dict_keys", values = "dict_values", items = "dict_items" }

    let kind: Kind
    let elements: [Value]
    let depth: Int

    init(_ kind: Kind, _ elements: [Value], depth: Int) {
        self.kind = kind
        self.elements = elements
        self.depth = depth
    }
}

/// What filters such as `map` give: a sequence that can be read once.
final class GeneratorValue {
    var rest: ArraySlice<Value>
    let depth: Int

    init(_ elements: [Value], depth: Int) {
        rest = elements[...]
        self.depth = depth
    }
}

/// A dictionary in the order of insertion.
final class DictionaryValue {
    private(set) var keys: [Value] = []
    private(set) var values: [Value] = []
    private var places: [ValueKey: Int] = [:]
    private(set) var depth = 1

    subscript(key: ValueKey) -> Value? { places[key].map { values[$0] } }

    /// Only while the dictionary is being built.
    func insert(_ key: ValueKey, as original: Value, _ value: Value) {
        if let place = places[key] {
            values[place] = value
        } else {
            places[key] = keys.count
            keys.append(original)
            values.append(value)
        }
        depth = max(depth, value.depth + 1)
    }
}

/// A dictionary's key: equal as in Python, where 1, 1.0 and True are one key and strings differ by their code points.
enum ValueKey: Hashable {
    case none
    case int(Int)
    case double(Double)
    case string(ExactString)

    init?(_ value: Value) {
        switch value {
        case .none: self = .none
        case .string(let text), .markup(let text): self = .string(ExactString(text))
        case .double(let number):
            if let whole = Int(exactly: number) { self = .int(whole) } else { self = .double(number) }
        default:
            guard let whole = value.integer else { return nil }
            self = .int(whole)
        }
    }
}

/// A string compared by its bytes, not by canonical equivalence.
struct ExactString: Hashable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (one: ExactString, other: ExactString) -> Bool { PythonText.areEqual(one.text, other.text) }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

/// A mutable bag of attributes, in order since it prints like a dictionary.
final class NamespaceValue {
    private(set) var names: [String] = []
    private var values: [String: Value] = [:]

    subscript(name: String) -> Value? {
        get { values[name] }
        set { if let newValue, values.updateValue(newValue, forKey: name) == nil { names.append(name) } }
    }

    func removeAll() {
        names = []
        values = [:]
    }
}

/// The `loop` variable of one loop.
final class LoopState {
    let elements: [Value]
    let depth: Int
    var index = 0

    init(_ elements: [Value]) {
        self.elements = elements
        depth = 1 + elements.reduce(0) { max($0, $1.depth) }
    }
}

struct MacroValue {
    let definition: MacroBox
    let scope: Scope
}

final class MacroBox: Sendable {
    let definition: MacroDefinition

    init(_ definition: MacroDefinition) { self.definition = definition }
}

/// A method taken from a value but not yet called.
final class MethodValue {
    let receiver: Value
    let name: String

    init(_ receiver: Value, _ name: String) {
        self.receiver = receiver
        self.name = name
    }
}

enum BuiltinFunction: String, CaseIterable {
    case range
    case dict
    case namespace
    case raiseException = "raise_exception"
    case strftimeNow = "strftime_now"
}

/// The variables of one block.
final class Scope {
    var variables: [String: Value] = [:]
    let parent: Scope?

    init(parent: Scope?) { self.parent = parent }

    func lookup(_ name: String) -> Value? {
        var scope: Scope? = self
        while let current = scope {
            if let value = current.variables[name] { return value }
            scope = current.parent
        }
        return nil
    }
}

/// A call's arguments once they are evaluated.
struct CallArguments {
    var positional: [Value] = []
    var named: [(name: String, value: Value)] = []
}
