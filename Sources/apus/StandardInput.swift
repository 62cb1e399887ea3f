import ApusBase
import Glibc

/// The bytes of a file of text; `-` and `/dev/stdin` are standard input, read to its end whatever it is.
func textBytes(of path: String) throws(InputError) -> [UInt8] {
    guard path == "-" || path == "/dev/stdin" else { return try FileReader.contents(of: path) }
    let limit = 1 << 30
    var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = read(0, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw InputError("standard input", "cannot be read: \(systemMessage(errno))") }
        guard count > 0 else { return bytes }
        guard bytes.count + count <= limit else {
            throw InputError("standard input", "has more than \(limit) bytes, and no more are read here", remedy: "give a shorter text")
        }
        bytes += buffer[..<count]
    }
}
