import ApusBase

extension TokenizerFile {
    func readNormalizer() throws(InputError) -> Normalizer {
        var result = Normalizer()
        try add(normalizer, to: &result, at: "normalizer")
        return result
    }

    private func add(_ component: JSON, to result: inout Normalizer, at location: String) throws(InputError) {
        guard let type = component["type"]?.string else {
            if component.isNull { return }
            throw error(location, "must have a \"type\"")
        }
        func flag(_ key: String, _ value: Bool) -> Bool { component[key]?.bool ?? value }
        switch type {
        case "Sequence":
            for (index, part) in (component["normalizers"]?.array ?? []).enumerated() {
                try add(part, to: &result, at: "\(location).normalizers[\(index)]")
            }
        case "NFC", "NFD", "NFKC", "NFKD": result.steps.append(.unicode(Normalization.Form(rawValue: type)!))
        case "Lowercase": result.steps.append(.lowercase)
        case "Strip": result.steps.append(.strip(left: flag("strip_left", true), right: flag("strip_right", true)))
        case "StripAccents": result.steps.append(.stripAccents)
        case "Nmt": result.steps.append(.nmt)
        case "Replace": result.steps.append(try replacement(component, at: location))
        case "Prepend":
            guard let text = component["prepend"]?.string else { throw error(location, "must have a text \"prepend\"") }
            result.steps.append(.prepend(Array(text.utf8)))
        case "Precompiled":
            // An empty table changes nothing.
            guard let text = component["precompiled_charsmap"]?.string, !text.isEmpty else { return }
            guard let bytes = Base64.decoded(text.utf8) else { throw error(location, "\"precompiled_charsmap\" must be base64") }
            result.steps.append(.charsMap(try PrecompiledCharsMap(bytes, subject: subject)))
        case "BertNormalizer":
            let lowercases = flag("lowercase", true)
            result.steps.append(
                .bert(
                    BertNormalizer(
                        cleansText: flag("clean_text", true), setsChineseApart: flag("handle_chinese_chars", true),
                        stripsAccents: component["strip_accents"]?.bool ?? lowercases, lowercases: lowercases)))
        default: throw error(location, "the normalizer \"\(type)\" is not supported")
        }
    }

    private func replacement(_ component: JSON, at location: String) throws(InputError) -> Normalizer.Step {
        guard let content = component["content"]?.string else { throw error(location, "must have a text \"content\"") }
        let new = Array(content.utf8)
        if let text = component["pattern"]?["String"]?.string, !text.isEmpty { return .replace(.text(Array(text.utf8)), with: new) }
        guard let pattern = component["pattern"]?["Regex"]?.string else {
            throw error(location, "\"pattern\" must hold a \"Regex\" or a \"String\" that is not empty")
        }
        return .replace(.regex(try PatternProgram(pattern, subject: "\(subject), \(location)")), with: new)
    }

    /// The mark for spaces, one character.
    func mark(_ component: JSON, at location: String) throws(InputError) -> [UInt8] {
        let text = component["replacement"]?.string ?? "▁"
        guard text.unicodeScalars.count == 1 else { throw error(location, "\"replacement\" must be one character") }
        return Array(text.utf8)
    }
}
