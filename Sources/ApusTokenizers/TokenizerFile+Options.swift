import ApusBase

extension TokenizerFile {
    /// The options of "ByteLevel" and "Metaspace", which are pre-tokenizer and decoder.
    static let byteLevelOptions: Set = ["add_prefix_space", "trim_offsets", "use_regex"]
    static let metaspaceOptions: Set = ["replacement", "prepend_scheme", "add_prefix_space", "split", "str_rep"]

    /// An option that is not known might change what the component does.
    ///
    /// - Throws: an `InputError` that names the first member of a component that is neither its type nor one of `known`.
    func check(_ component: JSON, _ known: Set<String> = [], at location: String) throws(InputError) {
        for key in component.object?.keys ?? [] where key != "type" && !known.contains(key) {
            throw error("\(location).\(key)", "the option is not known of \"\(component["type"]?.string ?? "model")\"")
        }
    }

    /// An option that is true or false, or its default where it is absent or null.
    ///
    /// - Throws: an `InputError` for a value of another type.
    func flag(_ component: JSON, _ key: String, _ otherwise: Bool, at location: String) throws(InputError) -> Bool {
        guard let value = component[key], !value.isNull else { return otherwise }
        guard let flag = value.bool else { throw error("\(location).\(key)", "must be true or false, not \(value.kind)") }
        return flag
    }

    /// An option that is text, or nil where it is absent or null.
    ///
    /// - Throws: an `InputError` for a value of another type.
    func text(_ component: JSON, _ key: String, at location: String) throws(InputError) -> String? {
        guard let value = component[key], !value.isNull else { return nil }
        guard let text = value.string else { throw error("\(location).\(key)", "must be text, not \(value.kind)") }
        return text
    }

    /// An added token with its options, which may be absent.
    func addedToken(_ options: JSON, id: Int, text: String, isNormalized: Bool, at location: String) throws(InputError) -> AddedToken {
        func flag(_ key: String, _ otherwise: Bool = false) throws(InputError) -> Bool { try self.flag(options, key, otherwise, at: location) }
        return AddedToken(
            id: id, text: text, isSpecial: try flag("special"), stripsLeft: try flag("lstrip"), stripsRight: try flag("rstrip"),
            isWholeWord: try flag("single_word"), isNormalized: try flag("normalized", isNormalized))
    }

    /// The parts of a "Sequence".
    func parts(_ component: JSON, _ key: String, at location: String) throws(InputError) -> [JSON] {
        try check(component, [key], at: location)
        guard let parts = component[key]?.array else { throw error(location, "must have an array \"\(key)\"") }
        return parts
    }
}
