import ApusBase

extension TokenizerFile {
    /// What a text is surrounded with.
    struct Edges {
        var prefix: [Int32] = []
        var suffix: [Int32] = []
    }

    func edges(_ vocabulary: Vocabulary) throws(InputError) -> Edges {
        var edges: Edges?
        try add(postProcessor, to: &edges, vocabulary, at: "post_processor")
        return edges ?? Edges()
    }

    private func add(_ component: JSON, to edges: inout Edges?, _ vocabulary: Vocabulary, at location: String) throws(InputError) {
        guard let type = component["type"]?.string else {
            if component.isNull { return }
            throw error(location, "must have a \"type\"")
        }
        switch type {
        case "ByteLevel": try check(component, Self.byteLevelOptions, at: location)  // moves offsets only
        case "Sequence":
            for (index, part) in try parts(component, "processors", at: location).enumerated() {
                try add(part, to: &edges, vocabulary, at: "\(location).processors[\(index)]")
            }
        case "TemplateProcessing", "RobertaProcessing", "BertProcessing":
            guard edges == nil else { throw error(location, "a second post-processor that adds tokens, \"\(type)\", is not supported") }
            edges = try type == "TemplateProcessing" ? template(component, vocabulary, at: location) : pair(component, vocabulary, at: location)
        default: throw error(location, "the post-processor \"\(type)\" is not supported")
        }
    }

    private func pair(_ component: JSON, _ vocabulary: Vocabulary, at location: String) throws(InputError) -> Edges {
        try check(component, ["cls", "sep", "trim_offsets", "add_prefix_space"], at: location)
        return Edges(
            prefix: [try token(component["cls"]?.array?.last, vocabulary, at: location + ".cls")],
            suffix: [try token(component["sep"]?.array?.last, vocabulary, at: location + ".sep")])
    }

    private func template(_ component: JSON, _ vocabulary: Vocabulary, at location: String) throws(InputError) -> Edges {
        try check(component, ["single", "pair", "special_tokens"], at: location)
        var edges = Edges()
        var isAfter = false
        for (index, item) in (component["single"]?.array ?? []).enumerated() {
            let location = "\(location).single[\(index)]"
            if item["Sequence"] != nil {
                guard !isAfter else { throw error(location, "the text occurs twice in the template") }
                isAfter = true
                continue
            }
            guard let name = item["SpecialToken"]?["id"]?.string, let ids = component["special_tokens"]?[name]?["ids"]?.array else {
                throw error(location, "must be a \"Sequence\", or a \"SpecialToken\" that \"special_tokens\" explains")
            }
            for id in ids {
                let id = try token(id, vocabulary, at: location)
                if isAfter { edges.suffix.append(id) } else { edges.prefix.append(id) }
            }
        }
        guard isAfter else { throw error(location, "the template has no place for the text") }
        return edges
    }

    private func token(_ value: JSON?, _ vocabulary: Vocabulary, at location: String) throws(InputError) -> Int32 {
        guard let id = value?.int, id >= 0, id < vocabulary.count else {
            throw error(location, "must name an id of the vocabulary, 0 to \(vocabulary.count - 1)")
        }
        return Int32(id)
    }
}
