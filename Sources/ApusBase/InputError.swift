/// What is wrong with something a user gave us: a file, an option, a template, a request.
///
/// The description reads `subject, at location: rule; remedy`, so that a person sees what is wrong,
/// where, which rule it breaks and what to do about it.
public struct InputError: Error, Equatable, CustomStringConvertible {
    /// What was read, for example a file's path or an option's name.
    public var subject: String
    /// Where in the subject: a byte offset, a line, a key. Nil when the whole is meant.
    public var location: String?
    /// The rule that is broken, with the offending value.
    public var rule: String
    /// What the user can do. Nil where nothing but "mend the input" could be said.
    public var remedy: String?

    /// `InputError("config.json", at: "rope_theta", "must be a number", remedy: "…")`: the rule in words that follow a colon.
    public init(_ subject: String, at location: String? = nil, _ rule: String, remedy: String? = nil) {
        self.subject = subject
        self.location = location
        self.rule = rule
        self.remedy = remedy
    }

    /// One line: `subject, at location: rule; remedy`.
    public var description: String {
        var text = subject
        if let location { text += ", at \(location)" }
        text += ": \(rule)"
        if let remedy { text += "; \(remedy)" }
        return text
    }
}
