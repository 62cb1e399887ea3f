import ApusBase

/// A metadata value of a GGUF file. Arrays of numbers are widened; arrays of strings lie in one piece.
public enum GGUFValue: Sendable {
    case bool(Bool)
    case integer(Int)
    case unsigned(UInt64)  // only above Int.max
    case number(Double)
    case string(String)
    case bools([Bool])
    case integers([Int])
    case numbers([Double])
    case strings(StringTable)

    var kind: String {
        switch self {
        case .bool: "a boolean"
        case .integer, .unsigned: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .bools: "an array of booleans"
        case .integers: "an array of integers"
        case .numbers: "an array of numbers"
        case .strings: "an array of strings"
        }
    }
}

/// The key-value pairs of a GGUF file, in file order.
public struct GGUFMetadata: Sendable {
    let path: String
    public private(set) var keys: [String] = []
    private var values: [String: GGUFValue] = [:]

    init(path: String) { self.path = path }

    /// False when the key is there already.
    mutating func add(_ key: String, _ value: GGUFValue) -> Bool {
        keys.append(key)
        return values.updateValue(value, forKey: key) == nil
    }

    public subscript(key: String) -> GGUFValue? { values[key] }

    public func string(_ key: String) throws(InputError) -> String? {
        guard let value = values[key] else { return nil }
        guard case .string(let text) = value else { throw wrong(key, value, "a string") }
        return text
    }

    public func int(_ key: String) throws(InputError) -> Int? {
        guard let value = values[key] else { return nil }
        guard case .integer(let number) = value else { throw wrong(key, value, "an integer that fits 64 bits") }
        return number
    }

    public func double(_ key: String) throws(InputError) -> Double? {
        switch values[key] {
        case nil: return nil
        case .number(let number)?: return number
        case .integer(let number)?: return Double(number)
        case let value?: throw wrong(key, value, "a number")
        }
    }

    public func bool(_ key: String) throws(InputError) -> Bool? {
        guard let value = values[key] else { return nil }
        guard case .bool(let flag) = value else { throw wrong(key, value, "a boolean") }
        return flag
    }

    public func strings(_ key: String) throws(InputError) -> StringTable? {
        guard let value = values[key] else { return nil }
        guard case .strings(let table) = value else { throw wrong(key, value, "an array of strings") }
        return table
    }

    public func ints(_ key: String) throws(InputError) -> [Int]? {
        guard let value = values[key] else { return nil }
        guard case .integers(let numbers) = value else { throw wrong(key, value, "an array of integers") }
        return numbers
    }

    public func doubles(_ key: String) throws(InputError) -> [Double]? {
        switch values[key] {
        case nil: return nil
        case .numbers(let numbers)?: return numbers
        case .integers(let numbers)?: return numbers.map(Double.init)
        case let value?: throw wrong(key, value, "an array of numbers")
        }
    }

    private func wrong(_ key: String, _ value: GGUFValue, _ wanted: String) -> InputError {
        InputError(path, at: "metadata \(key)", "\(wanted) is needed, but the file has \(value.kind)")
    }
}
