import ApusBase
import ApusTokenizers

/// Why a generation ended.
public enum FinishReason: String, Sendable {
    /// The model ended its turn, or a stop string came.
    case stop
    /// The limit of tokens or the end of the context.
    case length
}

/// What follows a prompt: chooses the tokens of one sequence and turns them into text.
struct Continuation {
    private(set) var ids: [Int32] = []
    private(set) var finishReason: FinishReason?
    private let endIDs: Set<Int32>
    private var sampler: Sampler
    private var stops: StopMatcher
    private var decoder: StreamDecoder

    init(tokenizer: Tokenizer, sampler: Sampler, stops: [String]) throws(InputError) {
        endIDs = tokenizer.endOfGenerationIDs
        self.sampler = sampler
        self.stops = try StopMatcher(stops)
        decoder = tokenizer.streamDecoder(skipSpecial: true)
    }

    /// Chooses the next token; the text that it makes certain, often empty while a character or a stop string is incomplete.
    mutating func choose(from logits: UnsafeMutableBufferPointer<Float>) throws(InputError) -> String {
        let id = try sampler.sample(logits)
        if endIDs.contains(id) { return finish(.stop) }
        ids.append(id)
        let text = stops.push(decoder.push(id))
        if stops.matched != nil { finishReason = .stop }
        return text
    }

    /// Ends the text; what was held back of it. The reason is nil when it was the caller's wish.
    mutating func finish(_ reason: FinishReason?) -> String {
        finishReason = reason
        return stops.push(decoder.finish()) + stops.finish()
    }
}
