import ApusBase

/// A metadata value of a GGUF file. Arrays of numbers are widened; arrays of strings lie in one piece.
package enum GGUFValue: Sendable {
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
package struct GGUFMetadata: Sendable {
    let path: String
    package private(set) var keys: [String] = []
    private var values: [String: GGUFValue] = [:]
    private var types: [String: GGUFValueType] = [:]

    /// - Parameter path: the file, for errors.
    package init(path: String) { self.path = path }

    /// The type that a value, or an array's elements, have in the file.
    package func elementType(_ key: String) -> GGUFValueType? { types[key] }

    /// Sets a value, in its old place if the key is there already. Numbers take the given type, or `uint32`, `int32` in arrays, and
    /// `float32`.
    package mutating func set(_ key: String, _ value: GGUFValue, as type: GGUFValueType? = nil) {
        if values.updateValue(value, forKey: key) == nil { keys.append(key) }
        types[key] =
            switch value {
            case .bool, .bools: .bool
            case .string, .strings: .string
            case .unsigned: .uint64
            case .integer: type ?? .uint32
            case .integers: type ?? .int32
            case .number, .numbers: type ?? .float32
            }
    }

    package subscript(key: String) -> GGUFValue? { values[key] }

    package func string(_ key: String) throws(InputError) -> String? {
        guard let value = values[key] else { return nil }
        guard case .string(let text) = value else { throw wrong(key, value, "a string") }
        return text
    }

    package func int(_ key: String) throws(InputError) -> Int? {
        guard let value = values[key] else { return nil }
        guard case .integer(let number) = value else { throw wrong(key, value, "an integer that fits 64 bits") }
        return number
    }

    package func double(_ key: String) throws(InputError) -> Double? {
        switch values[key] {
        case nil: return nil
        case .number(let number)?: return number
        case .integer(let number)?: return Double(number)
        case let value?: throw wrong(key, value, "a number")
        }
    }

    package func bool(_ key: String) throws(InputError) -> Bool? {
        guard let value = values[key] else { return nil }
        guard case .bool(let flag) = value else { throw wrong(key, value, "a boolean") }
        return flag
    }

    package func strings(_ key: String) throws(InputError) -> StringTable? {
        guard let value = values[key] else { return nil }
        guard case .strings(let table) = value else { throw wrong(key, value, "an array of strings") }
        return table
    }

    package func ints(_ key: String) throws(InputError) -> [Int]? {
        guard let value = values[key] else { return nil }
        guard case .integers(let numbers) = value else { throw wrong(key, value, "an array of integers") }
        return numbers
    }

    package func doubles(_ key: String) throws(InputError) -> [Double]? {
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
