/// A value of a configuration and where it stands.
struct ConfigurationNode: Equatable {
    /// What a value is made of.
    indirect enum Content: Equatable {
        /// Text; `isPlain` when it stands there without quotes, so that it may be a number or a word of YAML.
        case scalar(String, isPlain: Bool)
        case sequence([ConfigurationNode])
        case mapping([Member])
    }

    /// A key with its value.
    struct Member: Equatable {
        var key: String
        /// The key's place.
        var place: ConfigurationPlace
        var value: ConfigurationNode
    }

    var content: Content
    var place: ConfigurationPlace
    /// The keys that lead here, with dots; empty at the top.
    var path = ""

    /// What stands here, for messages.
    var summary: String {
        switch content {
        case .scalar(let text, isPlain: true): text.isEmpty ? "nothing" : text
        case .scalar(let text, isPlain: false): "the text \"\(text)\""
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    /// Whether nothing stands here, or YAML's word for it.
    var isNull: Bool { content == .scalar("null", isPlain: true) || content == .scalar("~", isPlain: true) || content == .scalar("", isPlain: true) }

    /// The path of a member.
    func path(of key: String) -> String { path.isEmpty ? key : path + "." + key }

    /// Puts a value where dotted keys lead, making the mappings on the way.
    mutating func set(_ keys: ArraySlice<String>, to value: ConfigurationNode) {
        guard let key = keys.first else {
            self = value
            return
        }
        var members: [Member] = []
        if case .mapping(let present) = content { members = present } else { place = value.place }
        let index = members.firstIndex { $0.key == key } ?? members.endIndex
        if index == members.endIndex {
            let empty = ConfigurationNode(content: .mapping([]), place: value.place, path: path(of: key))
            members.append(Member(key: key, place: value.place, value: empty))
        }
        members[index].place = value.place
        members[index].value.set(keys.dropFirst(), to: value)
        content = .mapping(members)
    }

    /// The place of what a dotted path names, or of what lies around it.
    func place(of path: String) -> ConfigurationPlace {
        var node = self, found = place
        for key in path.split(separator: ".") {
            guard case .mapping(let members) = node.content, let member = members.first(where: { $0.key == key }) else { break }
            (node, found) = (member.value, member.place)
        }
        return found
    }
}
