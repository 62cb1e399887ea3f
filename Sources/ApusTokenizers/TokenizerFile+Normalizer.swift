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
        func flag(_ key: String, _ value: Bool) throws(InputError) -> Bool { try self.flag(component, key, value, at: location) }
        if let known = Self.normalizerOptions[type] { try check(component, known, at: location) }
        switch type {
        case "Sequence":
            for (index, part) in try parts(component, "normalizers", at: location).enumerated() {
                try add(part, to: &result, at: "\(location).normalizers[\(index)]")
            }
        case "NFC", "NFD", "NFKC", "NFKD": result.steps.append(.unicode(Normalization.Form(rawValue: type)!))
        case "Lowercase": result.steps.append(.lowercase)
        case "Strip": result.steps.append(.strip(left: try flag("strip_left", true), right: try flag("strip_right", true)))
        case "StripAccents": result.steps.append(.stripAccents)
        case "Nmt": result.steps.append(.nmt)
        case "Replace": result.steps.append(try replacement(component, at: location))
        case "Prepend":
            guard let text = component["prepend"]?.string else { throw error(location, "must have a text \"prepend\"") }
            result.steps.append(.prepend(Array(text.utf8)))
        case "Precompiled":
            // An empty table changes nothing.
            guard let text = try text(component, "precompiled_charsmap", at: location), !text.isEmpty else { return }
            guard let bytes = Base64.decoded(text.utf8) else { throw error(location, "\"precompiled_charsmap\" must be base64") }
            result.steps.append(.charsMap(try PrecompiledCharsMap(bytes, subject: subject)))
        case "BertNormalizer":
            let lowercases = try flag("lowercase", true)
            result.steps.append(
                .bert(
                    BertNormalizer(
                        cleansText: try flag("clean_text", true), setsChineseApart: try flag("handle_chinese_chars", true),
                        stripsAccents: try flag("strip_accents", lowercases), lowercases: lowercases)))
        default: throw error(location, "the normalizer \"\(type)\" is not supported")
        }
    }

    private static let normalizerOptions: [String: Set<String>] = [
        "NFC": [], "NFD": [], "NFKC": [], "NFKD": [], "Lowercase": [], "Strip": ["strip_left", "strip_right"], "StripAccents": [], "Nmt": [],
        "Replace": ["pattern", "content"], "Prepend": ["prepend"], "Precompiled": ["precompiled_charsmap"],
        "BertNormalizer": ["clean_text", "handle_chinese_chars", "strip_accents", "lowercase"],
    ]

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
        let text = try text(component, "replacement", at: location) ?? "▁"
        guard text.unicodeScalars.count == 1 else { throw error(location, "\"replacement\" must be one character") }
        return Array(text.utf8)
    }

    /// Where the mark for spaces is put before text.
    func prepending(_ component: JSON, at location: String) throws(InputError) -> PreTokenizer.Metaspace.Prepending {
        let old = try flag(component, "add_prefix_space", true, at: location) ? "always" : "never"
        guard let prepending = PreTokenizer.Metaspace.Prepending(rawValue: try text(component, "prepend_scheme", at: location) ?? old) else {
            throw error(location, "\"prepend_scheme\" must be always, first or never")
        }
        return prepending
    }
}
