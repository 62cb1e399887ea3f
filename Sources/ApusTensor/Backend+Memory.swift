import ApusBase
import Glibc

extension Backend {
    /// Zeroed memory in the middle of a pass, where nothing can be thrown. If the system has none left, one line on standard error says so
    /// and the process ends with 1.
    package func allocate(byteCount: Int, for purpose: String) -> Storage {
        if let storage = allocate(byteCount: byteCount) { return storage }
        let error = InputError(
            "memory", at: purpose, "\(byteCount) more bytes are needed, and the system has none left",
            remedy: "give shorter texts or fewer at once, or free memory")
        var line = "apus: \(error)\n"
        line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
        TemporaryFile.removeAll()
        exit(1)
    }
}
