/// A JSON value (RFC 8259). Numbers without fraction or exponent that fit are integers.
public enum JSON: Sendable, Equatable {
    /// The word `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number without fraction and exponent that fits 64 bits.
    case integer(Int)
    /// Any other number, rounded to the nearest double.
    case number(Double)
    /// Text, its escapes resolved.
    case string(String)
    /// Values in their order.
    case array([JSON])
    /// Members in their order.
    case object(JSONObject)

    /// A member of an object; nil when there is none, or the value is no object.
    public subscript(key: String) -> JSON? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    /// The text of a string; nil for other values.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The truth value of a boolean; nil for other values.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The elements of an array; nil for other values.
    public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    /// The object itself; nil for other values.
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    /// Whether it is the word `null`.
    public var isNull: Bool { self == .null }

    /// The value as a whole number; 2.0 counts as one.
    public var int: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    /// The value as a double, rounded when it is an integer beyond 2⁵³; nil for what is no number.
    public var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// The word for the value's type in messages.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// Parses a whole text; `subject` names it in errors.
    public init(parsing bytes: [UInt8], subject: String, depthLimit: Int = 128) throws(InputError) {
        var failure: InputError?
        var result = JSON.null
        bytes.withUnsafeBytes { raw in
            do throws(InputError) {
                var reader = JSONReader(raw, subject: subject, depthLimit: depthLimit)
                result = try reader.readValue()
                try reader.finish()
            } catch { failure = error }
        }
        if let failure { throw failure }
        self = result
    }

    /// Parses a file of at most `limit` bytes.
    /// - Throws: an `InputError` when it cannot be read, is larger, or is not JSON.
    public init(contentsOf path: String, limit: Int = 1 << 28) throws(InputError) {
        try self.init(parsing: FileReader.contents(of: path, limit: limit), subject: path)
    }
}

/// A JSON object: members in their order, each key once.
public struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    /// In the order in which they came.
    public private(set) var keys: [String] = []
    private var values: [JSONKey: JSON] = [:]

    /// No members.
    public init() {}
    /// The members as written; of equal keys the last one's value, at the first one's place.
    public init(dictionaryLiteral elements: (String, JSON)...) { for (key, value) in elements { self[key] = value } }

    /// The value of a key. A new key goes to the end, a known one keeps its place, and nil takes it out.
    public subscript(key: String) -> JSON? {
        get { values[JSONKey(key)] }
        set {
            if let newValue {
                if values.updateValue(newValue, forKey: JSONKey(key)) == nil { keys.append(key) }
            } else if values.removeValue(forKey: JSONKey(key)) != nil {
                keys.removeAll { JSONKey($0) == JSONKey(key) }
            }
        }
    }

    /// How many members.
    public var count: Int { keys.count }
    /// Keys and values in their order.
    public var members: [(key: String, value: JSON)] { keys.map { ($0, values[JSONKey($0)]!) } }
}
