import ApusBase

/// A mapping of known keys, each of which has a default.
protocol ConfigurationSection: Equatable, Sendable {
    /// All at their defaults.
    init()
    /// The table that reading, defaults and documentation are made of.
    static var keys: [ConfigurationKey<Self>] { get }
}

extension ConfigurationSection {
    /// Every key with its value as it would be written.
    var json: JSON {
        .object(Self.keys.reduce(into: JSONObject()) { $0[$1.name] = $1.value(self) })
    }

    /// Sets what a mapping has; nothing at all leaves the defaults.
    /// - Throws: an `InputError` that names the place of the first value that is wrong, or of a key that is not known and the nearest one.
    mutating func read(_ node: ConfigurationNode) throws(InputError) {
        if node.isNull { return }
        guard case .mapping(let members) = node.content else {
            throw node.place.error("\(node.path.isEmpty ? "the configuration" : node.path) must be a mapping of keys to values, not \(node.summary)")
        }
        let keys = Self.keys
        for member in members {
            guard let key = keys.first(where: { $0.name == member.key }) else { throw Self.unknown(member, in: node, keys.map(\.name)) }
            try key.set(&self, member.value)
        }
    }

    private static func unknown(_ member: ConfigurationNode.Member, in node: ConfigurationNode, _ names: [String]) -> InputError {
        // A key of another section is more likely meant than one that resembles it.
        let elsewhere = TrainingConfiguration.keys.first { section in section.rows.contains { $0.key == member.key } }.map { $0.name + "." + member.key }
        let nearest = elsewhere ?? member.key.nearest(among: names).map(node.path(of:))
        return member.place.error("\(node.path(of: member.key)) is not a key of the configuration", remedy: nearest.map { "did you mean \($0)?" })
    }
}
