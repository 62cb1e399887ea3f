import Glibc
import Testing

/// `apus chat`, from a pipe and on a terminal.
@Suite struct ChatTests {
    private let base = ["chat", "--model", chatModel, "--logit-bias", "2=-4"]

    @Test func answersEachLineOfAPipe() throws {
        let result = try apus(base + ["--max-tokens", "8"], input: "Hello there\n\nHow are you?\n")
        #expect(result.code == 0)
        #expect(!result.output.contains("> "))
        let first = try apus(
            "generate", "--model", chatModel, "--logit-bias", "2=-4", "--max-tokens", "8", "--chat", "--prompt", "Hello there")
        #expect(result.output.hasPrefix(first.output))
        #expect(result.output.count > first.output.count)
    }

    @Test func keepsWhatWasSaidInTheCache() throws {
        let result = try apus(base + ["--max-tokens", "8"], input: "Hello there\n/stats\nHow are you?\n/stats\n")
        #expect(result.errors.contains("0 reused, 8 generated"))
        #expect(result.errors.contains("26 reused, 8 generated"), "\(result.errors)")
    }

    @Test func obeysCommands() throws {
        let said = try apus(base + ["--max-tokens", "8"], input: "Hello there\n").output
        let both = try apus(base + ["--max-tokens", "8"], input: "Hello there\n/reset\nHello there\n/regen\n/undo\nHello there\n/exit\nMore\n")
        #expect(both.code == 0 && both.output == said + said + said + said)
        let steered = try apus(base + ["--max-tokens", "8"], input: "/system the house\nHello there\n").output
        #expect(steered != said)
        #expect(try apus(base + ["--max-tokens", "8", "--system", "the house"], input: "Hello there\n").output == steered)
        #expect(try apus(base + ["--max-tokens", "8"], input: "/system the house\n/system\nHello there\n").output == said)
        #expect(try apus(base, input: "/help\n").errors.contains("/regen"))
        #expect(try apus(base, input: "/undo\n/regen\n").errors == "there is nothing to take back\nthere is nothing to answer\n")
    }

    @Test func refusesUnknownCommands() throws {
        let result = try apus(base, input: "/frobnicate\nHello\n")
        #expect(result.code == 1 && result.output.isEmpty)
        #expect(result.errors == "apus: /frobnicate: is no command; /help lists them; begin the line with a space to send it as text\n")
    }

    @Test func forgetsTheOldestMessagesWhenTheContextIsFull() throws {
        let result = try apus(base + ["--context", "72", "--max-tokens", "8"], input: String(repeating: "Hello\n", count: 6))
        #expect(result.code == 0)
        #expect(result.errors.contains("(the context of 72 tokens was full: the oldest 4 messages were forgotten)"), "\(result.errors)")
        let long = try apus(base + ["--context", "40"], input: String(repeating: "z", count: 60) + "\n")
        #expect(long.code == 1 && long.errors.contains("tokens do not fit the context of 40; shorten it or give a larger --context"))
    }

    @Test func signalsEndItWhenTheInputIsAPipe() throws {
        for (signal, code) in [(SIGINT, Int32(130)), (SIGTERM, 143)] {
            let command = try RunningCommand(["chat", "--model", chatModel, "--context", "1000000"] + endless)
            command.send("Hello\n")
            try command.read { $0.count > 100 }
            command.signal(signal)
            #expect(try command.wait() == code)
            #expect(command.output.hasSuffix("\n"))
        }
    }

    @Test func controlCStopsTheAnswerAndKeepsTheSession() throws {
        let command = try RunningCommand(["chat", "--model", chatModel, "--context", "1000000"] + endless, terminal: true)
        try command.read { $0.hasSuffix("> ") }
        command.send("Hello\r")
        try command.read { $0.count > 1000 }
        command.send("\u{3}")
        try command.read { $0.hasSuffix("> ") }
        command.send("/stats\r")
        try command.read { $0.hasSuffix("tokens/s\r\n> ") }
        #expect(command.output.contains("2 messages"))
        command.send("\u{4}")
        #expect(try command.wait() == 0)
    }

    @Test func controlCBetweenAnswersEndsTheSession() throws {
        let command = try RunningCommand(["chat", "--model", chatModel], terminal: true)
        try command.read { $0.hasSuffix("> ") }
        command.send("\u{3}")
        #expect(try command.wait() == 130)
    }

    @Test func mistakesOnATerminalKeepTheSession() throws {
        let command = try RunningCommand(["chat", "--model", chatModel, "--context", "40"], terminal: true)
        try command.read { $0.hasSuffix("> ") }
        command.send("/frobnicate\r")
        try command.read { $0.contains("is no command") && $0.hasSuffix("> ") }
        command.send(String(repeating: "z", count: 60) + "\r")
        try command.read { $0.contains("do not fit") && $0.hasSuffix("> ") }
        command.send("/exit\r")
        #expect(try command.wait() == 0)
    }

    @Test func needsAChatTemplate() throws {
        let result = try apus("chat", "--model", goldens + "/llama/llama-mha")
        #expect(result.code == 1 && result.errors.hasPrefix("apus: \(goldens)/llama/llama-mha: holds no tokenizer.json"))
    }
}
