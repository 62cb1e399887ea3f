import ApusBase
import ApusInference
import ArgumentParser
import Glibc

struct ChatVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat", abstract: "Talk to a model.",
        discussion: "On a terminal, Ctrl-C stops an answer, and ends the session between answers, as Ctrl-D does. From a pipe, each line is a turn.")

    @OptionGroup var options: ModelOptions
    @OptionGroup var sampling: SamplingOptions
    @Option(name: .long, parsing: .unconditional, help: "The system message.") var system: String?

    /// What the cache has room for unless it is said; models made for 100 000 tokens and more would take gigabytes.
    private static let defaultContext = 4096

    func run() throws {
        let (loaded, tokenizer) = try options.loadDecoderAndTokenizer()
        let session = try ChatSession(
            TokenStream(
                loaded.decoder, positions: loaded.room(sampling.context, atMost: Self.defaultContext), cacheType: options.run.cacheType(for: loaded.decoder)),
            prompt: loaded.source.chatPrompt(tokenizer),
            sampling: sampling.parameters(), maxTokens: sampling.maxTokens, stops: sampling.stop)
        if let system { try session.setSystem(system) }
        let console = ChatConsole(session: session, isInteractive: isatty(0) == 1)
        try console.run()
    }
}

/// Reads lines and answers them.
private final class ChatConsole {
    let session: ChatSession
    let isInteractive: Bool
    private var lastTurn: ChatTurn?

    private enum Command: String, CaseIterable {
        case help, reset, clear, system, undo, regen, stats, exit
    }

    private static let help = """
        /system TEXT  set the system message; without TEXT, remove it
        /regen        answer the last message again
        /undo         take back the last message and its answer
        /reset        forget the conversation but not the system message (or /clear)
        /stats        tokens and speed of the last answer
        /exit         end (or Ctrl-D)
        Ctrl-C stops an answer. A line that begins with a space is never a command.
        """

    init(session: ChatSession, isInteractive: Bool) {
        self.session = session
        self.isInteractive = isInteractive
    }

    func run() throws {
        if isInteractive { printError("context \(session.capacity) tokens; /help lists the commands") }
        while let line = nextLine() {
            if line.allSatisfy(\.isWhitespace) { continue }
            do {
                if line.hasPrefix("/") {
                    guard try obey(line.dropFirst()) else { return }
                } else {
                    try answer { piece throws(InputError) in try session.answer(line, piece: piece) }
                }
            } catch let error as InputError where isInteractive {
                printError("\(error)")
            }
        }
    }

    private func nextLine() -> String? {
        if isInteractive { _ = write(2, "> ", 2) }
        let line = readLine()
        if line == nil, isInteractive { printError("") }
        return line
    }

    /// False to end.
    private func obey(_ line: Substring) throws -> Bool {
        let parts = line.split(separator: " ", maxSplits: 1)
        guard let command = parts.first.flatMap({ Command(rawValue: String($0)) }) else {
            throw InputError("/\(line)", "is no command", remedy: "/help lists them; begin the line with a space to send it as text")
        }
        switch command {
        case .help: printError(Self.help)
        case .reset, .clear: session.reset()
        case .system: try session.setSystem(parts.count > 1 ? String(parts[1]) : nil)
        case .undo: if !session.undo() { printError("there is nothing to take back") }
        case .regen: try answer { piece throws(InputError) in try session.regenerate(piece: piece) }
        case .stats: printStats()
        case .exit: return false
        }
        return true
    }

    /// Prints an answer. A signal stops it; on a terminal Ctrl-C leaves the session as it is.
    private func answer(_ body: ((String) -> Bool) throws(InputError) -> ChatTurn?) throws {
        let turn = try Interrupts.gracefully {
            try body { piece in
                writeOut(piece)
                return Interrupts.pending == nil
            }
        }
        guard let turn else { return printError("there is nothing to answer") }
        writeOut("\n")
        if !(isInteractive && Interrupts.pending == SIGINT) { try Interrupts.check() }
        lastTurn = turn
        if turn.forgottenMessages > 0 {
            printError("(the context of \(session.capacity) tokens was full: the oldest \(turn.forgottenMessages) messages were forgotten)")
        }
        if turn.finishReason == .length {
            let limit = session.tokenCount >= session.capacity ? "the context of \(session.capacity) tokens is full" : "--max-tokens"
            printError("(the answer was cut off: \(limit))")
        }
    }

    private func printStats() {
        var text = "\(session.tokenCount) of \(session.capacity) tokens of context in use, \(session.messages.count) messages"
        if let turn = lastTurn {
            let read = turn.promptTokens - turn.reusedTokens
            let decoded = max(turn.generatedTokens - 1, 0)
            text += "\nlast answer: \(read) tokens read at \(decimal(Double(read) / max(turn.promptSeconds, 1e-9), 1)) tokens/s, "
            text += "\(turn.reusedTokens) reused, \(turn.generatedTokens) generated at "
            text += "\(decimal(Double(decoded) / max(turn.decodeSeconds, 1e-9), 1)) tokens/s"
        }
        printError(text)
    }
}
