import ApusBase
import ApusModels
import ApusTokenizers

/// Text that is generated piece by piece:
///
///     while let piece = try generation.next() { print(piece, terminator: "") }
public final class Generation {
    /// Time in `next` up to the first token, that one included.
    public private(set) var promptSeconds = 0.0
    /// Time in `next` for all other tokens.
    public private(set) var decodeSeconds = 0.0
    /// Tokens of the prompt that this generation ran, without those that the stream held before.
    public let promptTokenCount: Int
    /// Tokens chosen so far.
    public var ids: [Int32] { continuation.ids }
    /// Nil until the end.
    public var finishReason: FinishReason? { continuation.finishReason }

    private let stream: TokenStream
    private let maxTokens: Int
    private var continuation: Continuation
    /// Tokens the stream has not seen: the prompt at first, then the last token chosen.
    private var pending: ArraySlice<Int32>

    /// Nothing runs before the first call of `next`.
    /// - Parameters:
    ///   - stream: what the prompt and the answer are added to.
    ///   - tokenizer: turns the answer into text, and knows the tokens that end it.
    ///   - prompt: token ids after those that `stream` already holds; at least one.
    ///   - sampling: how tokens are chosen.
    ///   - maxTokens: nil: to the end of the stream's room.
    ///   - stops: strings that end the answer and are left out of it.
    ///   - sequence: which of several answers to the same prompt this is: each draws its own numbers.
    public init(
        _ stream: TokenStream, tokenizer: Tokenizer, prompt: [Int32], sampling: SamplingParameters = .greedy, maxTokens: Int? = nil,
        stops: [String] = [], sequence: UInt32 = 0
    ) throws(InputError) {
        guard !prompt.isEmpty else { throw InputError("the prompt", "is empty", remedy: "give a text of at least one token") }
        self.stream = stream
        self.maxTokens = maxTokens ?? .max
        let sampler = try Sampler(
            sampling, vocabularySize: stream.model.description.vocabularySize, prompt: stream.ids + prompt, sequence: sequence)
        continuation = try Continuation(tokenizer: tokenizer, sampler: sampler, stops: stops)
        pending = prompt[...]
        promptTokenCount = prompt.count
        try stream.checkRoom(for: prompt.count)
    }

    /// The next piece of text; nil at the end. It is empty while a character or a stop string is incomplete, and for each part of a
    /// long prompt.
    public func next() throws(InputError) -> String? {
        guard finishReason == nil else { return nil }
        if ids.count >= maxTokens || stream.ids.count + pending.count > stream.capacity { return continuation.finish(.length) }
        let start = ContinuousClock.now, isPrompt = ids.isEmpty
        defer {
            let seconds = start.duration(to: .now).seconds
            if isPrompt { promptSeconds += seconds } else { decodeSeconds += seconds }
        }
        let chunk = pending.prefix(stream.chunk(of: pending))
        pending = pending.dropFirst(chunk.count)
        let logits = try stream.append(chunk, before: pending.count)
        guard pending.isEmpty else { return "" }
        let piece = try continuation.choose(from: logits)
        if let last = ids.last { pending = [last] }
        return piece
    }

    /// Ends the generation before its time; the text that was held back.
    public func stop() -> String { continuation.finish(nil) }
}
