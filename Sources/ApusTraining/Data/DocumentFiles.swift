import ApusBase

/// The documents of `.txt` and `.jsonl` files, in order, some at a time in memory.
struct DocumentFiles {
    private var paths: ArraySlice<String>
    private var lines: LineReader?

    /// - Throws: an `InputError` for a path that is not of such a file.
    init(_ paths: [String]) throws(InputError) {
        for path in paths {
            guard Self.isText(path) else {
                throw InputError(path, "is neither a .txt nor a .jsonl file", remedy: "name the files so, or give the prefix of .bin and .idx files")
            }
            _ = try FileReader(path: path)
        }
        self.paths = paths[...]
    }

    static func isText(_ path: String) -> Bool { path.hasSuffix(".txt") || path.hasSuffix(".jsonl") }

    /// Documents of about so many bytes, or one larger one; nil when there are no more.
    mutating func next(bytes: Int) throws(InputError) -> [SourceDocument]? {
        var documents: [SourceDocument] = [], total = 0
        while total < bytes {
            if let line = try lines?.next() {
                total += line.count
                guard line.contains(where: { $0 > 0x20 }) else { continue }
                documents.append(try SourceDocument(jsonLine: line, path: lines!.file.path, line: lines!.line))
                continue
            }
            lines = nil
            guard let path = paths.popFirst() else { break }
            if path.hasSuffix(".jsonl") {
                lines = try LineReader(path: path)
            } else {
                let text = try FileReader.contents(of: path)
                total += text.count
                documents.append(SourceDocument(content: .text(text), path: path, line: nil))
            }
        }
        return documents.isEmpty ? nil : documents
    }
}
