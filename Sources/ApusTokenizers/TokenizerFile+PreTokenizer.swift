import ApusBase

extension TokenizerFile {
    /// What splits the text; byte-level BPE shows by "ByteLevel" among the pre-tokenizers.
    func readPreTokenizer() throws(InputError) -> (preTokenizer: PreTokenizer, isByteLevel: Bool) {
        var builder = Builder(file: self)
        try builder.add(preTokenizer, at: "pre_tokenizer")
        var result = PreTokenizer(stages: builder.stages)
        result.addsPrefixSpace = builder.addsPrefixSpace
        return (result, builder.hasByteLevel)
    }

    /// The patterns that split texts one after the other, their matches being isolated; nil when they do more than that.
    func splitting() throws(InputError) -> (patterns: [String]?, addsPrefixSpace: Bool) {
        var builder = Builder(file: self)
        try builder.add(preTokenizer, at: "pre_tokenizer")
        return (builder.isolatedPatterns, builder.addsPrefixSpace)
    }

    private struct Builder {
        let file: TokenizerFile
        var isolatedPatterns: [String]? = []
        var stages: [PreTokenizer.Stage] = []
        var hasByteLevel = false
        var addsPrefixSpace = false

        private static let options: [String: Set<String>] = [
            "ByteLevel": byteLevelOptions, "Split": ["pattern", "behavior", "invert"], "Digits": ["individual_digits"], "Punctuation": ["behavior"],
            "Whitespace": [], "WhitespaceSplit": [], "Metaspace": metaspaceOptions, "BertPreTokenizer": [],
        ]

        init(file: TokenizerFile) { self.file = file }

        mutating func add(_ component: JSON, at location: String) throws(InputError) {
            guard let type = component["type"]?.string else {
                if component.isNull { return }
                throw file.error(location, "must have a \"type\"")
            }
            if let known = Self.options[type] { try file.check(component, known, at: location) }
            switch type {
            case "Sequence":
                for (index, part) in try file.parts(component, "pretokenizers", at: location).enumerated() {
                    try add(part, at: "\(location).pretokenizers[\(index)]")
                }
            case "ByteLevel": try addByteLevel(component, at: location)
            case "Split": try addSplit(component, at: location)
            case "Digits":
                let pattern = try file.flag(component, "individual_digits", false, at: location) ? #"\p{N}"# : #"\p{N}+"#
                try addPattern(pattern, .isolated, inverted: false, at: location)
            case "Punctuation":
                let behavior = try behavior(component["behavior"] ?? .string("Isolated"), at: location)
                try addPattern(#"[\p{P}$+<=>^`|~]"#, behavior, inverted: false, at: location)
            case "Whitespace": try add(.whitespace, type, at: location)
            case "WhitespaceSplit": try addPattern(#"\s"#, .removed, inverted: false, at: location)
            case "Metaspace": try addMetaspace(component, at: location)
            case "BertPreTokenizer": try add(.bert, type, at: location)
            default: throw file.error(location, "the pre-tokenizer \"\(type)\" is not supported")
            }
        }

        private mutating func addByteLevel(_ component: JSON, at location: String) throws(InputError) {
            guard !hasByteLevel else { throw file.error(location, "\"ByteLevel\" occurs twice") }
            if try file.flag(component, "add_prefix_space", true, at: location) {
                guard stages.isEmpty else { throw file.error(location, "\"add_prefix_space\" after other pre-tokenizers is not supported") }
                addsPrefixSpace = true
            }
            if try file.flag(component, "use_regex", true, at: location) { try addPattern(WordScanner.gpt2Pattern, .isolated, inverted: false, at: location) }
            hasByteLevel = true
        }

        private mutating func addMetaspace(_ component: JSON, at location: String) throws(InputError) {
            let prepending = try file.prepending(component, at: location)
            let mark = try file.mark(component, at: location)
            let metaspace = PreTokenizer.Metaspace(mark: mark, prepending: prepending, splits: try file.flag(component, "split", true, at: location))
            try add(.metaspace(metaspace), "Metaspace", at: location)
        }

        /// Adds a stage that has no pattern.
        private mutating func add(_ stage: PreTokenizer.Stage, _ type: String, at location: String) throws(InputError) {
            guard !hasByteLevel else { throw file.error(location, "\"\(type)\" after \"ByteLevel\" is not supported") }
            stages.append(stage)
            isolatedPatterns = nil
        }

        private mutating func addSplit(_ component: JSON, at location: String) throws(InputError) {
            let pattern: String
            if let regex = component["pattern"]?["Regex"]?.string {
                pattern = regex
            } else if let text = component["pattern"]?["String"]?.string, !text.isEmpty {
                pattern = text.unicodeScalars.map { "\\x{" + String($0.value, radix: 16) + "}" }.joined()
            } else {
                throw file.error(location, "\"pattern\" must hold a \"Regex\" or a \"String\"")
            }
            let behavior = try behavior(component["behavior"] ?? .null, at: location)
            try addPattern(pattern, behavior, inverted: file.flag(component, "invert", false, at: location), at: location)
        }

        private func behavior(_ value: JSON, at location: String) throws(InputError) -> PreTokenizer.Behavior {
            guard let name = value.string, let behavior = PreTokenizer.Behavior(rawValue: name) else {
                throw file.error(location, "\"behavior\" must be Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous")
            }
            return behavior
        }

        /// What stands after "ByteLevel" sees the text in GPT-2's alphabet for bytes.
        private mutating func addPattern(
            _ pattern: String, _ behavior: PreTokenizer.Behavior, inverted: Bool, at location: String
        ) throws(InputError) {
            let subject = "\(file.subject), \(location)"
            // The known scanners' patterns match everywhere, so that removing what lies between them changes nothing.
            let isolates = inverted ? behavior == .removed && WordScanner(pattern: pattern) != nil : behavior == .isolated
            if isolates, !hasByteLevel { isolatedPatterns?.append(pattern) } else { isolatedPatterns = nil }
            if hasByteLevel {
                stages.append(.alphabetPattern(try PatternProgram(pattern, subject: subject), behavior, inverted: inverted))
            } else {
                stages.append(try PreTokenizer.stage(pattern: pattern, behavior: behavior, inverted: inverted, subject: subject))
            }
        }
    }
}
