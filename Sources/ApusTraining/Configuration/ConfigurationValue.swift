import ApusBase

/// What a key of a configuration can have for a value.
protocol ConfigurationValue: Equatable, Sendable {
    /// The type in the words of the documentation and of messages, e.g. "a number".
    static var typeName: String { get }
    /// - Throws: an `InputError` that names the place unless the value is of this type.
    init(_ node: ConfigurationNode) throws(InputError)
    /// The value as it is written in YAML.
    var yaml: String { get }
    /// The type and a rule that follows it.
    static func described(_ rule: String) -> String
}

extension ConfigurationValue {
    static func described(_ rule: String) -> String { typeName + rule }

    static func wrongType(_ node: ConfigurationNode) -> InputError {
        node.place.error("\(node.path) must be \(typeName), not \(node.summary)")
    }
}

/// A word out of several.
protocol ConfigurationChoice: ConfigurationValue, RawRepresentable, CaseIterable where RawValue == String {}

extension ConfigurationChoice {
    static var typeName: String { "one of " + allCases.map(\.rawValue).joined(separator: ", ") }

    init(_ node: ConfigurationNode) throws(InputError) {
        guard case .scalar(let text, _) = node.content else { throw Self.wrongType(node) }
        guard let value = Self(rawValue: text) else {
            let nearest = text.nearest(among: Self.allCases.map(\.rawValue))
            throw node.place.error("\(node.path) must be \(Self.typeName), not \(node.summary)", remedy: nearest.map { "did you mean \($0)?" })
        }
        self = value
    }

    var yaml: String { rawValue }
}

extension Int: ConfigurationValue {
    static var typeName: String { "a whole number" }

    init(_ node: ConfigurationNode) throws(InputError) {
        guard case .scalar(let text, isPlain: true) = node.content, let value = Int(text) else { throw Self.wrongType(node) }
        self = value
    }

    var yaml: String { String(self) }
}

extension Double: ConfigurationValue {
    static var typeName: String { "a number" }

    init(_ node: ConfigurationNode) throws(InputError) {
        guard case .scalar(let text, isPlain: true) = node.content, text.utf8.allSatisfy(Self.isPart), let value = Double(text), value.isFinite else {
            throw Self.wrongType(node)
        }
        self = value
    }

    /// Only what decimal numbers are written with: `Double` reads "inf", "nan" and hexadecimal numbers as well.
    private static func isPart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): true
        default: false
        }
    }

    var yaml: String { self == rounded() && magnitude < 1e6 ? String(Int(self)) : String(self) }
}

extension Bool: ConfigurationValue {
    static var typeName: String { "true or false" }

    init(_ node: ConfigurationNode) throws(InputError) {
        switch node.content {
        case .scalar("true", isPlain: true): self = true
        case .scalar("false", isPlain: true): self = false
        default: throw Self.wrongType(node)
        }
    }

    var yaml: String { self ? "true" : "false" }
}

extension String: ConfigurationValue {
    static var typeName: String { "a text" }

    init(_ node: ConfigurationNode) throws(InputError) {
        guard case .scalar(let text, _) = node.content, !node.isNull else { throw Self.wrongType(node) }
        self = text
    }

    var yaml: String { self }
}

extension Optional: ConfigurationValue where Wrapped: ConfigurationValue {
    static var typeName: String { described("") }

    static func described(_ rule: String) -> String { Wrapped.described(rule) + ", or null" }

    init(_ node: ConfigurationNode) throws(InputError) {
        self = node.isNull || node.content == .scalar("none", isPlain: true) ? nil : try Wrapped(node)
    }

    var yaml: String { self?.yaml ?? "null" }
}

extension Array: ConfigurationValue where Element: ConfigurationValue {
    static var typeName: String { "a list, each " + Element.typeName }

    init(_ node: ConfigurationNode) throws(InputError) {
        guard case .sequence(let nodes) = node.content else { throw Self.wrongType(node) }
        self = []
        for node in nodes { append(try Element(node)) }
    }

    var yaml: String { "[" + map(\.yaml).joined(separator: ", ") + "]" }
}
