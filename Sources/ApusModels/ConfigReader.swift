import ApusBase

/// Typed access to `config.json` that remembers what was asked for, so that nothing is ignored unseen.
struct ConfigReader {
    let path: String
    private let object: JSONObject
    private let prefix: String
    private let tensors: Set<String>
    private(set) var used: Set<String> = []

    /// - Parameter tensors: the names of the tensors beside the configuration.
    init(path: String, _ object: JSONObject, prefix: String = "", tensors: Set<String> = []) {
        self.path = path
        self.object = object
        self.prefix = prefix
        self.tensors = tensors
    }

    /// The value, nil when it is absent or null.
    mutating func value(_ key: String) -> JSON? {
        used.insert(key)
        guard let value = object[key], !value.isNull else { return nil }
        return value
    }

    mutating func int(_ key: String, in range: ClosedRange<Int> = 1...(1 << 31)) throws(InputError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let number = value.int, range.contains(number) else {
            throw error(key, "\(value.serialized()) is no whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    mutating func double(_ key: String) throws(InputError) -> Double? {
        guard let value = value(key) else { return nil }
        guard let number = value.double else { throw error(key, "\(value.serialized()) is no number") }
        return number
    }

    mutating func bool(_ key: String) throws(InputError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let flag = value.bool else { throw error(key, "\(value.serialized()) is neither true nor false") }
        return flag
    }

    /// A chance with which training leaves something out; 0 where nothing is said.
    mutating func rate(_ key: String) throws(InputError) -> Float {
        guard let rate = try double(key) else { return 0 }
        guard rate >= 0, rate < 1 else { throw error(key, "\(rate) is not at least 0 and below 1") }
        return Float(rate)
    }

    mutating func string(_ key: String) throws(InputError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.string else { throw error(key, "\(value.serialized()) is no string") }
        return text
    }

    mutating func object(_ key: String) throws(InputError) -> JSONObject? {
        guard let value = value(key) else { return nil }
        guard let object = value.object else { throw error(key, "\(value.kind) where an object is needed") }
        return object
    }

    mutating func section(_ key: String) throws(InputError) -> ConfigReader? {
        guard let object = try object(key) else { return nil }
        return ConfigReader(path: path, object, prefix: prefix + key + ".")
    }

    func required<Value>(_ value: Value?, _ key: String) throws(InputError) -> Value {
        guard let value else { throw error(key, "is missing") }
        return value
    }

    func hasTensor(_ name: String) -> Bool { tensors.contains(name) }
    func has(_ key: String) -> Bool { object[key] != nil }
    func isNull(_ key: String) -> Bool { object[key]?.isNull ?? true }

    var unusedKeys: [String] { object.keys.filter { !used.contains($0) } }

    func error(_ key: String, _ rule: String, remedy: String? = nil) -> InputError {
        InputError(path, at: prefix + key, rule, remedy: remedy)
    }
}
