import ApusBase
import ApusTemplates

/// A document of a `.txt` or `.jsonl` file before it is tokens.
struct SourceDocument: Sendable {
    enum Content: Sendable {
        /// Bytes, which need not be UTF-8.
        case text([UInt8])
        case conversation([ChatMessage])
    }

    var content: Content
    var path: String
    /// Of a `.jsonl` file.
    var line: Int?

    func error(_ rule: String, remedy: String? = nil) -> InputError { InputError(path, at: line.map { "line \($0)" }, rule, remedy: remedy) }

    /// Reads a line of a `.jsonl` file: an object with the string `text` or the array `messages`.
    init(jsonLine bytes: [UInt8], path: String, line: Int) throws(InputError) {
        self.init(content: .text([]), path: path, line: line)
        let subject = "\(path), line \(line)", json = try JSON(parsing: bytes, subject: subject)
        switch (json["text"], json["messages"]) {
        case (.string(let text)?, nil): content = .text(Array(text.utf8))
        case (nil, .array(let values)?):
            guard !values.isEmpty else { throw error("messages holds none") }
            var messages: [ChatMessage] = []
            for (index, value) in values.enumerated() { messages.append(try ChatMessage(value, subject: "\(subject), messages[\(index)]")) }
            content = .conversation(messages)
        case (_?, _?): throw error("both text and messages stand in one object", remedy: "keep one of them")
        case (nil, nil): throw error("neither a text nor messages are there", remedy: "write {\"text\": …} or {\"messages\": […]} on each line")
        default: throw error("text must be a string and messages an array")
        }
    }

    init(content: Content, path: String, line: Int?) {
        self.content = content
        self.path = path
        self.line = line
    }
}
