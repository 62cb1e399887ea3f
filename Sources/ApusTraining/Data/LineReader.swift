import ApusBase

/// Lines of a file, some at a time in memory.
struct LineReader {
    let file: FileReader
    /// Of the line that `next` gave last, from 1.
    private(set) var line = 0
    /// No line may be longer, in bytes.
    static let limit = 1 << 30
    private var buffer: [UInt8] = []
    private var start = 0
    private var offset = 0

    init(path: String) throws(InputError) { file = try FileReader(path: path) }

    /// The next line without its end; nil behind the last.
    mutating func next() throws(InputError) -> [UInt8]? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = end + 1 }
                return taken(up: end)
            }
            searched = buffer.count - start
            buffer.removeFirst(start)
            start = 0
            let count = min(1 << 20, file.byteCount - offset)
            guard count > 0 else {
                guard !buffer.isEmpty else { return nil }
                defer { start = buffer.count }
                return taken(up: buffer.count)
            }
            guard buffer.count < Self.limit else { throw InputError(file.path, at: "line \(line + 1)", "is longer than \(Self.limit) bytes") }
            buffer += try file.bytes(at: offset, count: count)
            offset += count
        }
    }

    private mutating func taken(up end: Int) -> [UInt8] {
        line += 1
        var bytes = buffer[start..<end]
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        return Array(bytes)
    }
}
