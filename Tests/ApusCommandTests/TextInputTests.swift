import ApusBase
import Glibc
import Testing

/// Texts from files and from standard input.
@Suite struct TextInputTests {
    private static let text = "The quick brown fox\nand the lazy dog, again and again and again.\n"

    static let verbs = [
        ["generate", "--max-tokens", "3", "--prompt-file"], ["tokenize", "--file"], ["perplexity", "--context", "16", "--file"],
    ]

    @Test(arguments: verbs, ["-", "/dev/stdin"])
    func standardInputIsReadToItsEnd(verb: [String], name: String) throws {
        let path = "/tmp/apus-text-\(verb[0])-\(getpid())\(name == "-" ? "" : "-named").txt"
        defer { unlink(path) }
        let file = try AtomicFile(path: path)
        try file.write(Array(Self.text.utf8))
        try file.commit()
        let options = ["--model", chatModel, "--output", "json"], timed: Set = ["load_seconds", "prompt_tokens_per_second", "tokens_per_second"]
        let expected = try apus(verb + [path] + options).json(), found = try apus(verb + [name] + options, input: Self.text).json()
        #expect(found.keys == expected.keys)
        for key in found.keys where !timed.contains(key) { #expect(found[key] == expected[key]) }
    }

    @Test(arguments: verbs)
    func aFileThatIsNoneIsAnErrorAtOnce(verb: [String]) throws {
        let path = "/tmp/apus-fifo-\(verb[0])-\(getpid())"
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        for path in [path, "/dev/null", goldens] {
            let result = try apus(verb + [path, "--model", chatModel])
            #expect(result.code == 1 && result.errors == "apus: \(path): is not a regular file; give the path of a file\n", "\(result.errors)")
        }
    }

    @Test func standardInputThatCannotBeReadIsAnError() throws {
        let script = "exec \"$0\" tokenize --model \"$1\" --file - < /"
        let command = try RunningCommand(["-c", script, RunningCommand.path, chatModel], binary: "/bin/sh")
        #expect(try command.wait() == 1 && command.errors == "apus: standard input: cannot be read: Is a directory\n")
    }
}
