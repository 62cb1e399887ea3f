/// A JSON value (RFC 8259). Numbers without fraction or exponent that fit are integers.
public enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)

    public subscript(key: String) -> JSON? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    public var isNull: Bool { self == .null }

    /// The value as a whole number; 2.0 counts as one.
    public var int: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

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

    public init(contentsOf path: String, limit: Int = 1 << 28) throws(InputError) {
        try self.init(parsing: FileReader.contents(of: path, limit: limit), subject: path)
    }
}

/// A JSON object: members in their order, each key once.
public struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    public private(set) var keys: [String] = []
    private var values: [String: JSON] = [:]

    public init() {}
    public init(dictionaryLiteral elements: (String, JSON)...) { for (key, value) in elements { self[key] = value } }

    public subscript(key: String) -> JSON? {
        get { values[key] }
        set {
            if let newValue {
                if values.updateValue(newValue, forKey: key) == nil { keys.append(key) }
            } else if values.removeValue(forKey: key) != nil {
                keys.removeAll { $0 == key }
            }
        }
    }

    public var count: Int { keys.count }
    public var members: [(key: String, value: JSON)] { keys.map { ($0, values[$0]!) } }
}
