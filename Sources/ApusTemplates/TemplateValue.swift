import ApusBase

/// A value given to a template: what JSON can say, with an object's members in their order.
public indirect enum TemplateValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case array([TemplateValue])
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
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: TemplateValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, TemplateValue)...) { self = .object(TemplateObject(elements)) }
}

/// The members of an object in their order. Of equal keys the last one's value counts, at the first one's place.
public struct TemplateObject: Sendable, Equatable {
    public var members: [(key: String, value: TemplateValue)]

    public init(_ members: [(String, TemplateValue)] = []) { self.members = members.map { (key: $0.0, value: $0.1) } }

    public static func == (one: TemplateObject, other: TemplateObject) -> Bool {
        one.members.elementsEqual(other.members) { $0.key == $1.key && $0.value == $1.value }
    }
}
