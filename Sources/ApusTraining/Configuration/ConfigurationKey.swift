import ApusBase

/// A key of a section: how it is read, what it is without being written, and what the documentation says of it.
struct ConfigurationKey<Section> {
    let name: String
    /// The type in words.
    let type: String
    /// As it is written in YAML.
    let defaultText: String
    let meaning: String
    /// What a section has, as text or an object of texts.
    let value: (Section) -> JSON
    /// The keys below, when the value is a section itself.
    let rows: [ConfigurationRow]
    let set: (inout Section, ConfigurationNode) throws(InputError) -> Void

    /// A key with a value of its own.
    init<Value: ConfigurationValue>(
        _ name: String, _ path: WritableKeyPath<Section, Value>, _ rule: ConfigurationRule<Value>, _ meaning: String
    ) where Section: ConfigurationSection {
        self.name = name
        type = Value.described(rule.words)
        defaultText = Section()[keyPath: path].yaml
        self.meaning = meaning
        value = { .string($0[keyPath: path].yaml) }
        rows = []
        set = { (section, node) throws(InputError) in
            let value = try Value(node)
            guard rule.holds(value) else { throw node.place.error("\(node.path) must be \(Value.described(rule.words)), not \(node.summary)") }
            section[keyPath: path] = value
        }
    }

    /// A key whose values need be no more than of their type.
    init<Value: ConfigurationValue>(_ name: String, _ path: WritableKeyPath<Section, Value>, _ meaning: String) where Section: ConfigurationSection {
        self.init(name, path, ConfigurationRule(words: "") { _ in true }, meaning)
    }

    private init(
        _ name: String, _ row: ConfigurationRow, value: @escaping (Section) -> JSON,
        _ set: @escaping (inout Section, ConfigurationNode) throws(InputError) -> Void
    ) {
        self.name = name
        self.value = value
        (type, defaultText, meaning, rows) = (row.type, row.defaultText, row.meaning, [])
        self.set = set
    }

    /// The key of a part of a section that has no name of its own in the file.
    func inside<Whole>(_ path: WritableKeyPath<Whole, Section>) -> ConfigurationKey<Whole> {
        let set = set, value = value, row = ConfigurationRow(key: name, type: type, defaultText: defaultText, meaning: meaning)
        return ConfigurationKey<Whole>(name, row, value: { value($0[keyPath: path]) }) {
            (whole, node) throws(InputError) in try set(&whole[keyPath: path], node)
        }
    }

    /// A key that a section stands behind.
    init<Value: ConfigurationSection>(section name: String, _ path: WritableKeyPath<Section, Value>, _ meaning: String) {
        self.name = name
        type = "a section"
        defaultText = ""
        self.meaning = meaning
        value = { $0[keyPath: path].json }
        rows = Value.keys.map { ConfigurationRow(key: $0.name, type: $0.type, defaultText: $0.defaultText, meaning: $0.meaning) }
        set = { (section, node) throws(InputError) in try section[keyPath: path].read(node) }
    }
}

/// A key as the documentation shows it.
struct ConfigurationRow: Equatable, Sendable {
    let key, type, defaultText, meaning: String
}

/// What a value must fulfil besides being of its type.
struct ConfigurationRule<Value> {
    /// What follows the type in messages, e.g. " above 0".
    let words: String
    let holds: (Value) -> Bool
}

extension ConfigurationRule where Value: Comparable & ConfigurationValue {
    static func atLeast(_ bound: Value) -> ConfigurationRule { ConfigurationRule(words: " of at least \(bound.yaml)") { $0 >= bound } }
    static func above(_ bound: Value) -> ConfigurationRule { ConfigurationRule(words: " above \(bound.yaml)") { $0 > bound } }
    static func between(_ low: Value, _ high: Value) -> ConfigurationRule {
        ConfigurationRule(words: " from \(low.yaml) to \(high.yaml)") { $0 >= low && $0 <= high }
    }
    /// From `low` up to but not `high`.
    static func from(_ low: Value, below high: Value) -> ConfigurationRule {
        ConfigurationRule(words: " from \(low.yaml) up to but not \(high.yaml)") { $0 >= low && $0 < high }
    }
}

extension ConfigurationRule {
    /// What a rule says of a value, where there is one.
    static func optional<Wrapped>(_ rule: ConfigurationRule<Wrapped>) -> ConfigurationRule where Value == Wrapped? {
        ConfigurationRule(words: rule.words) { $0.map(rule.holds) ?? true }
    }
}
