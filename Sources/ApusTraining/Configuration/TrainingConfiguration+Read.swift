import ApusBase

extension TrainingConfiguration {
    /// Reads a YAML file and lays options over it.
    /// - Parameters:
    ///   - path: the file.
    ///   - overrides: texts such as `optimizer.learning_rate=1e-3`; the value is YAML.
    /// - Throws: an `InputError` that names the line, or the option, of what is not known, of the wrong type or against another value.
    package init(path: String, overrides: [String] = []) throws(InputError) {
        let bytes = try FileReader.contents(of: path, limit: 1 << 20)
        guard let text = String(validating: bytes, as: UTF8.self) else { throw InputError(path, "is not UTF-8", remedy: "save it as UTF-8") }
        try self.init(yaml: text, subject: path, overrides: overrides)
    }

    /// Reads the text of such a file.
    package init(yaml: String, subject: String, overrides: [String] = []) throws(InputError) {
        var node = try ConfigurationNode(yaml: yaml, place: ConfigurationPlace(subject: subject, line: 1))
        for override in overrides {
            let place = ConfigurationPlace(subject: "--set \(override)", line: nil)
            guard let equals = override.firstIndex(of: "=") else {
                throw place.error("must be a key, an equals sign and a value", remedy: "write --set optimizer.learning_rate=1e-3")
            }
            let path = String(override[..<equals]), keys = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard keys.allSatisfy({ !$0.isEmpty }) else { throw place.error("a key stands before the equals sign, its parts joined by dots") }
            let value = try ConfigurationNode(yaml: String(override[override.index(after: equals)...]), place: place, path: path)
            node.set(keys[...], to: value)
        }
        self.init()
        try read(node)
        try check(node)
    }
}
