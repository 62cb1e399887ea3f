import ApusBase
import Yams

extension ConfigurationNode {
    /// What aliases may make of a text at most.
    private static let nodeLimit = 100_000

    /// Reads one YAML document.
    /// - Parameter place: of the whole text; values of a file get lines of their own.
    /// - Throws: an `InputError` that names the line unless the text is YAML whose mappings have texts for keys, each once.
    init(yaml: String, place: ConfigurationPlace, path: String = "") throws(InputError) {
        let node: Node?
        do {
            node = try Yams.compose(yaml: yaml)
        } catch {
            throw Self.inputError(error, place)
        }
        var count = 0
        guard let node else {
            self.init(content: .scalar("", isPlain: true), place: place, path: path)
            return
        }
        self = try Self.converted(node, place, path, &count)
    }

    private static func converted(_ node: Node, _ whole: ConfigurationPlace, _ path: String, _ count: inout Int) throws(InputError) -> ConfigurationNode {
        count += 1
        let place = Self.place(of: node, in: whole)
        guard count <= nodeLimit else { throw place.error("the configuration holds more than \(nodeLimit) values") }
        var result = ConfigurationNode(content: .mapping([]), place: place, path: path)
        switch node {
        case .scalar(let scalar):
            result.content = .scalar(scalar.string, isPlain: scalar.style == .plain)
        case .sequence(let sequence):
            var elements: [ConfigurationNode] = []
            for element in sequence { elements.append(try converted(element, whole, "\(path)[\(elements.count)]", &count)) }
            result.content = .sequence(elements)
        case .mapping(let mapping):
            var members: [Member] = []
            for (key, value) in mapping {
                let keyPlace = Self.place(of: key, in: whole)
                guard case .scalar(let name) = key else { throw keyPlace.error("a key must be a plain word") }
                let value = try converted(value, whole, result.path(of: name.string), &count)
                members.append(Member(key: name.string, place: keyPlace, value: value))
            }
            result.content = .mapping(members)
        case .alias: throw place.error("an alias stands here whose anchor is not known")
        }
        return result
    }

    private static func place(of node: Node, in whole: ConfigurationPlace) -> ConfigurationPlace {
        var place = whole
        if whole.line != nil, let mark = node.mark { place.line = mark.line }
        return place
    }

    private static func inputError(_ error: any Error, _ whole: ConfigurationPlace) -> InputError {
        func at(_ mark: Mark) -> ConfigurationPlace { ConfigurationPlace(subject: whole.subject, line: whole.line.map { _ in mark.line }) }
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            return at(mark).error("is not YAML: \(problem)" + (context.map { " (\($0.text))" } ?? ""))
        case .reader(let problem, _, _, _): return InputError(whole.subject, "is not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            return at(context.mark).error("the key \(keys.first ?? "") occurs twice in one mapping", remedy: "keep one of them")
        default: return InputError(whole.subject, "is not YAML: \(error)")
        }
    }
}
