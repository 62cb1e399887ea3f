import ApusBase

/// Where something of a configuration was written: a line of a file, or an option of the command line.
struct ConfigurationPlace: Equatable, Sendable {
    /// The file's path, or the option as it was given.
    var subject: String
    /// From 1; nil in an option.
    var line: Int?

    /// An error about what stands here.
    func error(_ rule: String, remedy: String? = nil) -> InputError {
        InputError(subject, at: line.map { "line \($0)" }, rule, remedy: remedy)
    }
}
