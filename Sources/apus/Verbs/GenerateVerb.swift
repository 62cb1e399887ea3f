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
    @Option(name: .long, help: "A file with the text to continue; - is standard input.") var promptFile: String?
    @Flag(name: .long, help: "Put the prompt into the model's chat template.") var chat = false
    @Option(name: .long, parsing: .unconditional, help: "The system message of a chat.") var system: String?

    @Option(name: .long, help: "Draw this many answers to the prompt.") var samples: Int?
    @Option(name: .long, help: "Search with this many beams for the likeliest answers.") var beams: Int?

    func validate() throws {
        guard (prompt == nil) != (promptFile == nil) else { throw ValidationError("give either --prompt or --prompt-file") }
        if system != nil, !chat { throw ValidationError("--system needs --chat") }
        for (name, value) in [("--samples", samples), ("--beams", beams)] {
            if let value, !(1...1024).contains(value) { throw ValidationError("\(name): \(value) is not from 1 to 1024") }
        }
        guard beams != nil else { return }
        guard samples == nil else { throw ValidationError("give either --samples or --beams") }
        guard try sampling.parameters() == SamplingParameters(temperature: 0, seed: sampling.seed), sampling.stop.isEmpty else {
            throw ValidationError("--beams goes by the model's own likelihoods: leave out temperature, filters, penalties, --logit-bias and --stop")
        }
        guard sampling.maxTokens != 0 else { throw ValidationError("--beams needs at least 1 of --max-tokens") }
    }

    func run() throws {
        let text = try prompt ?? String(decoding: textBytes(of: promptFile!), as: UTF8.self)
        let (loaded, tokenizer) = try options.loadDecoderAndTokenizer()
        let ids = try promptIDs(text, loaded.source, tokenizer)
        let maxTokens = sampling.maxTokens ?? 128, cacheType = options.run.cacheType(for: loaded.decoder), start = ContinuousClock.now
        // An encoder reads the prompt, if there is one, and the decoder begins a text of its own.
        let encoder = loaded.decoder.description.encoder
        let memory = try encoder.map { _ in try EncoderMemory(loaded.decoder, encoding: ids, cacheType: cacheType) }
        let encodeSeconds = memory == nil ? 0 : start.duration(to: .now).seconds, prompt = encoder.map { [Int32($0.startToken)] } ?? ids
        let room = loaded.room(sampling.context, atMost: prompt.count + maxTokens)
        if let samples {
            let result = try SampledChoices(
                loaded.decoder, tokenizer: tokenizer, prompt: prompt, count: samples, positions: room, cacheType: cacheType,
                sampling: sampling.parameters(), maxTokens: maxTokens, stops: sampling.stop, memory: memory)
            report(result.choices, ids.count, encodeSeconds + result.promptSeconds, result.decodeSeconds, loaded.seconds)
        } else if let beams {
            let result = try BeamSearch(
                loaded.decoder, tokenizer: tokenizer, prompt: prompt, beams: beams, positions: room, cacheType: cacheType, maxTokens: maxTokens,
                memory: memory)
            report(result.choices, ids.count, encodeSeconds + result.promptSeconds, result.decodeSeconds, loaded.seconds)
        } else {
            let generation = try Generation(
                TokenStream(loaded.decoder, positions: room, cacheType: cacheType, memory: memory), tokenizer: tokenizer, prompt: prompt,
                sampling: sampling.parameters(), maxTokens: maxTokens, stops: sampling.stop)
            var answer = ""
            while let piece = try generation.next() {
                answer += piece
                if output.output == .text { writeOut(piece) }
            }
            let choice = Choice(text: answer, ids: generation.ids, finishReason: generation.finishReason!)
            report([choice], ids.count, encodeSeconds + generation.promptSeconds, generation.decodeSeconds, loaded.seconds)
        }
    }

    /// Prints what there is to say at the end; the text of a single answer is on the screen already.
    private func report(_ choices: [Choice], _ promptTokens: Int, _ promptSeconds: Double, _ decodeSeconds: Double, _ loadSeconds: Double) {
        let count = choices.reduce(0) { $0 + $1.ids.count }
        // With --max-tokens 0 the prompt is not run.
        let promptRate = promptSeconds > 0 ? Double(promptTokens) / promptSeconds : nil
        let decoded = choices.reduce(0) { $0 + max($1.ids.count - 1, 0) }
        let rate = decoded > 0 ? Double(decoded) / max(decodeSeconds, 1e-9) : 0
        let isSingle = samples == nil && beams == nil
        if isSingle { output.text("") }
        for (index, choice) in choices.enumerated() where !isSingle {
            output.text("--- \(index + 1)" + (choice.score.map { ", score \(decimal($0, 4))" } ?? "") + "\n" + choice.text)
        }
        if output.output == .text {
            let promptSpeed = promptRate.map { " at \(decimal($0, 1)) tokens/s" } ?? ""
            printError(
                "\(promptTokens) prompt tokens\(promptSpeed), \(count) generated at \(decimal(rate, 1)) tokens/s, "
                    + "loaded in \(decimal(loadSeconds, 3)) s")
        }
        var object = members(choices[0])
        object["score"] = nil
        object["prompt_tokens"] = .integer(promptTokens)
        object["generated_tokens"] = .integer(count)
        object["load_seconds"] = .number(loadSeconds)
        object["prompt_tokens_per_second"] = promptRate.map { .number($0) } ?? .null
        object["tokens_per_second"] = .number(rate)
        if !isSingle { object["choices"] = .array(choices.map { .object(members($0)) }) }
        output.json(object)
    }

    private func members(_ choice: Choice) -> JSONObject {
        var object: JSONObject = [
            "text": .string(choice.text), "token_ids": .array(choice.ids.map { .integer(Int($0)) }),
            "finish_reason": .string(choice.finishReason.rawValue),
        ]
        if let score = choice.score { object["score"] = .number(score) }
        return object
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
