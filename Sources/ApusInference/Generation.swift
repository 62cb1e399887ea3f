import ApusBase
import ApusModels
import ApusTensor
import ApusTokenizers

/// Why a generation ended.
public enum FinishReason: String, Sendable {
    /// The model ended its turn, or a stop string came.
    case stop
    /// The limit of tokens or the end of the context.
    case length
}

/// Text that is generated piece by piece:
///
///     while let piece = try generation.next() { print(piece, terminator: "") }
public final class Generation {
    public private(set) var ids: [Int32] = []
    public private(set) var finishReason: FinishReason?
    public private(set) var promptSeconds = 0.0
    public private(set) var decodeSeconds = 0.0
    public let promptTokenCount: Int

    private let stream: TokenStream
    private let tokenizer: Tokenizer
    private let maxTokens: Int
    private var sampler: Sampler
    private var stops: StopMatcher
    private var decoder: StreamDecoder
    /// Tokens the stream has not seen: the prompt at first, then the last token chosen.
    private var pending: [Int32]

    /// - Parameter prompt: token ids after those that `stream` already holds.
    public init(
        _ stream: TokenStream, tokenizer: Tokenizer, prompt: [Int32], sampling: SamplingParameters, maxTokens: Int, stops: [String] = []
    ) throws(InputError) {
        guard !prompt.isEmpty else { throw InputError("the prompt", "is empty", remedy: "give a text of at least one token") }
        self.stream = stream
        self.tokenizer = tokenizer
        self.maxTokens = maxTokens
        sampler = try Sampler(
            sampling, vocabularySize: stream.model.description.vocabularySize, prompt: stream.ids + prompt, sequence: 0)
        self.stops = try StopMatcher(stops)
        decoder = tokenizer.streamDecoder(skipSpecial: true)
        pending = prompt
        promptTokenCount = prompt.count
    }

    /// The next piece of text, which may be empty while a character or a stop string is incomplete; nil at the end.
    public func next() throws(InputError) -> String? {
        guard finishReason == nil else { return nil }
        if ids.count >= maxTokens || stream.ids.count + pending.count > stream.capacity { return finish(.length) }
        let start = ContinuousClock.now
        let logits = try stream.append(pending)
        let id = try sampler.sample(logits)
        let seconds = start.duration(to: .now).seconds
        if ids.isEmpty { promptSeconds = seconds } else { decodeSeconds += seconds }
        pending = [id]
        if tokenizer.endOfGenerationIDs.contains(id) { return finish(.stop) }
        ids.append(id)
        let text = stops.push(decoder.push(id))
        if stops.matched != nil { finishReason = .stop }
        return text
    }

    private func finish(_ reason: FinishReason) -> String {
        finishReason = reason
        return stops.push(decoder.finish()) + stops.finish()
    }
}
