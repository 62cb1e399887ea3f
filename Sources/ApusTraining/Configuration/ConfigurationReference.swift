/// The tables of `docs/configuration.md`.
package enum ConfigurationReference {
    /// A heading and a table for each section, in Markdown.
    package static var markdown: String {
        TrainingConfiguration.keys.map { section in
            let rows = section.rows.map { "| `\($0.key)` | \($0.type) | `\($0.defaultText)` | \($0.meaning) |" }
            let meaning = section.meaning.prefix(1).uppercased() + section.meaning.dropFirst()
            return "## \(section.name)\n\(meaning).\n\n| key | type | default | meaning |\n|---|---|---|---|\n" + rows.joined(separator: "\n") + "\n"
        }.joined(separator: "\n")
    }
}
