import Glibc

/// Writes to standard output at once. Ends the process when that is impossible: quietly when the reader has gone, as SIGPIPE would.
func writeOut(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
        var done = 0
        while done < bytes.count {
            let count = write(1, bytes.baseAddress! + done, bytes.count - done)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                if errno == EPIPE { exit(128 + SIGPIPE) }
                printError("apus: standard output: cannot be written: \(String(cString: strerror(errno)))")
                exit(1)
            }
            done += count
        }
    }
}

func printError(_ line: String) {
    var text = line + "\n"
    text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
}
