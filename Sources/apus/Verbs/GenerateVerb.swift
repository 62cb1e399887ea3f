import ApusBase
import ApusInference
import ApusModels
import ApusTemplates
import ApusTokenizers
import ArgumentParser

struct GenerateVerb: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "generate", abstract: "Continue a text, or answer a question.")

    @OptionGroup var options: ModelOptions
    @OptionGroup var sampling: SamplingOptions
    @OptionGroup var output: OutputOptions
    @Option(name: .shortAndLong, parsing: .unconditional, help: "The text to continue.") var prompt: String?
    @Option(name: .long, help: "A file with the text to continue.") var promptFile: String?
    @Flag(name: .long, help: "Put the prompt into the model's chat template.") var chat = false
    @Option(name: .long, parsing: .unconditional, help: "The system message of a chat.") var system: String?

    func validate() throws {
        guard (prompt == nil) != (promptFile == nil) else { throw ValidationError("give either --prompt or --prompt-file") }
        if system != nil, !chat { throw ValidationError("--system needs --chat") }
    }

    func run() throws {
        let text = try prompt ?? String(decoding: FileReader.contents(of: promptFile!), as: UTF8.self)
        let loaded = try options.loadDecoder()
        let tokenizer = try loaded.source.tokenizer()
        let ids = try promptIDs(text, loaded.source, tokenizer)
        let maxTokens = sampling.maxTokens ?? 128
        let room = sampling.context ?? min(loaded.decoder.description.contextLength, ids.count + maxTokens)
        let stream = try loaded.stream(positions: room, cacheType: options.cacheType())
        let generation = try Generation(
            stream, tokenizer: tokenizer, prompt: ids, sampling: sampling.parameters(), maxTokens: maxTokens, stops: sampling.stop)
        var answer = ""
        while let piece = try generation.next() {
            answer += piece
            if output.output == .text { writeOut(piece) }
        }
        let count = generation.ids.count
        let promptRate = Double(ids.count) / max(generation.promptSeconds, 1e-9)
        let rate = count > 1 ? Double(count - 1) / max(generation.decodeSeconds, 1e-9) : 0
        if output.output == .text {
            writeOut("\n")
            printError(
                "\(ids.count) prompt tokens at \(decimal(promptRate, 1)) tokens/s, \(count) generated at \(decimal(rate, 1)) tokens/s, "
                    + "loaded in \(decimal(loaded.seconds, 3)) s")
        }
        output.json([
            "text": .string(answer), "token_ids": .array(generation.ids.map { .integer(Int($0)) }),
            "finish_reason": .string(generation.finishReason?.rawValue ?? "length"), "prompt_tokens": .integer(ids.count),
            "generated_tokens": .integer(count), "load_seconds": .number(loaded.seconds),
            "prompt_tokens_per_second": .number(promptRate), "tokens_per_second": .number(rate),
        ])
    }

    private func promptIDs(_ text: String, _ source: ModelSource, _ tokenizer: Tokenizer) throws -> [Int32] {
        guard chat else { return tokenizer.encode(text, addSpecial: true, parseSpecial: false) }
        var messages: [ChatMessage] = []
        if let system { messages.append(ChatMessage(role: "system", content: .string(system))) }
        messages.append(ChatMessage(role: "user", content: .string(text)))
        return try source.chatPrompt(tokenizer).ids(messages)
    }
}

extension ModelSource {
    /// The model's own chat template.
    func chatPrompt(_ tokenizer: Tokenizer) throws(InputError) -> ChatPrompt {
        guard let template = try chatTemplate() else {
            throw InputError(path, "the model has no chat template", remedy: "use `apus generate` without --chat")
        }
        return ChatPrompt(try ChatTemplate(source: template, name: path + ": chat template"), tokenizer)
    }
}
