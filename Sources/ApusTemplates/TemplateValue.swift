import ApusBase

/// A value given to a template: what JSON can say, with an object's members in their order.
public indirect enum TemplateValue: Sendable, Equatable {
    /// `none` in a template.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A whole number of 64 bits.
    case int(Int)
    /// A number with a fraction.
    case double(Double)
    /// Text.
    case string(String)
    /// A list.
    case array([TemplateValue])
    /// A mapping with strings as keys.
    case object(TemplateObject)

    /// The same value read from JSON.
    public init(_ json: JSON) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .int(value)
        case .number(let value): self = .double(value)
        case .string(let value): self = .string(value)
        case .array(let values): self = .array(values.map { TemplateValue($0) })
        case .object(let object): self = .object(TemplateObject(object.members.map { ($0.key, TemplateValue($0.value)) }))
        }
    }
}

extension TemplateValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// `"text"` is `.string`.
    public init(stringLiteral value: String) { self = .string(value) }
    /// `1` is `.int`.
    public init(integerLiteral value: Int) { self = .int(value) }
    /// `1.0` is `.double`.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// `true` is `.bool`.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// `nil` is `.null`.
    public init(nilLiteral: ()) { self = .null }
    /// `[1, "a"]` is `.array`.
    public init(arrayLiteral elements: TemplateValue...) { self = .array(elements) }
    /// `["a": 1]` is `.object`, its members in the order written.
    public init(dictionaryLiteral elements: (String, TemplateValue)...) { self = .object(TemplateObject(elements)) }
}

/// The members of an object in their order. Of equal keys the last one's value counts, at the first one's place.
public struct TemplateObject: Sendable, Equatable {
    /// As given, equal keys included.
    public var members: [(key: String, value: TemplateValue)]

    /// Members in their order.
    public init(_ members: [(String, TemplateValue)] = []) { self.members = members.map { (key: $0.0, value: $0.1) } }

    /// Equal when the same members come in the same order.
    public static func == (one: TemplateObject, other: TemplateObject) -> Bool {
        one.members.elementsEqual(other.members) { $0.key == $1.key && $0.value == $1.value }
    }
}
