import ApusBase
import ApusInference
import ApusModels
import ApusTemplates
import ApusTokenizers
import ArgumentParser
import Glibc

struct GenerateVerb: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "generate", abstract: "Continue a text, or answer a question.")

    @OptionGroup var options: ModelOptions
    @OptionGroup var sampling: SamplingOptions
    @OptionGroup var output: OutputOptions
    @Option(name: .shortAndLong, help: "The text to continue.") var prompt: String?
    @Option(name: .long, help: "A file with the text to continue.") var promptFile: String?
    @Flag(name: .long, help: "Put the prompt into the model's chat template.") var chat = false
    @Option(name: .long, help: "The system message of a chat.") var system: String?
    @Option(name: .long, help: "Tokens there is room for; by default as many as are needed, within the model's own context.") var context: Int?

    func run() throws {
        let parameters = try sampling.parameters()
        let text = try promptText()
        let loaded = try options.loadDecoder()
        let tokenizer = try loaded.source.tokenizer()
        let ids = try promptIDs(text, loaded.source, tokenizer)
        let room = context ?? min(loaded.decoder.description.contextLength, ids.count + sampling.maxTokens)
        guard room > 0 else { throw InputError("--context", "\(room) is not positive") }
        let stream = try TokenStream(loaded.decoder, positions: room, cacheType: try options.cacheType())
        let generation = try Generation(
            stream, tokenizer: tokenizer, prompt: ids, sampling: parameters, maxTokens: sampling.maxTokens, stops: sampling.stop)
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

    private func promptText() throws -> String {
        switch (prompt, promptFile) {
        case (let text?, nil): return text
        case (nil, let file?): return String(decoding: try FileReader.contents(of: file), as: UTF8.self)
        default: throw ValidationError("give either --prompt or --prompt-file")
        }
    }

    private func promptIDs(_ text: String, _ source: ModelSource, _ tokenizer: Tokenizer) throws -> [Int32] {
        guard chat else {
            if system != nil { throw ValidationError("--system needs --chat") }
            return tokenizer.encode(text, addSpecial: true, parseSpecial: false)
        }
        guard let template = try source.chatTemplate() else {
            throw InputError(source.path, "the model has no chat template", remedy: "leave out --chat")
        }
        var messages: [ChatMessage] = []
        if let system { messages.append(ChatMessage(role: "system", content: .string(system))) }
        messages.append(ChatMessage(role: "user", content: .string(text)))
        let rendered = try ChatTemplate(source: template, name: source.path + ": chat template").render(
            messages: messages, bosToken: tokenizer.bos.flatMap(tokenizer.tokenText), eosToken: tokenizer.eos.flatMap(tokenizer.tokenText))
        return tokenizer.encode(rendered, addSpecial: false, parseSpecial: true)
    }
}

/// Writes to standard output at once.
func writeOut(_ text: String) {
    var text = text
    text.withUTF8 { _ = write(1, $0.baseAddress, $0.count) }
}
