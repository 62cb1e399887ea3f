import ApusBase
import ApusTemplates
import ApusTokenizers

/// A conversation with a model. Keys and values of the turns before stay in the cache, and only what is new runs through the model;
/// where the template rewrites what was said, or the messages change, the cache is taken back to the last token they share.
public final class ChatSession {
    /// The conversation, the system message first if there is one.
    public private(set) var messages: [ChatMessage] = []

    let stream: TokenStream
    private let prompt: ChatPrompt
    private let sampling: SamplingParameters
    private let maxTokens: Int?
    private let stops: [String]
    /// Answers begun so far: each draws its own numbers.
    private var answers: UInt32 = 0
    /// What was said up to the end of the last answer, as text and as the very tokens that were generated: other tokens may spell
    /// the same text.
    private var spoken: (text: String, ids: [Int32])?

    /// A conversation without messages.
    /// - Parameters:
    ///   - stream: empty; its capacity is the context of the conversation.
    ///   - prompt: the model's own template and tokenizer.
    ///   - sampling: how the tokens of all answers are chosen.
    ///   - maxTokens: of one answer; nil: to the end of the context.
    ///   - stops: strings that end an answer and are left out of it.
    /// - Throws: an `InputError` for a sampling parameter out of range or an empty stop string.
    public init(
        _ stream: TokenStream, prompt: ChatPrompt, sampling: SamplingParameters = .greedy, maxTokens: Int? = nil, stops: [String] = []
    ) throws(InputError) {
        try sampling.validate()
        _ = try StopMatcher(stops)
        self.stream = stream
        self.prompt = prompt
        self.sampling = sampling
        self.maxTokens = maxTokens
        self.stops = stops
    }

    /// Tokens that the context has room for.
    public var capacity: Int { stream.capacity }
    /// Tokens in the cache.
    public var tokenCount: Int { stream.ids.count }

    // MARK: Messages

    /// Sets the system message, or removes it. The rest of the conversation stays.
    /// - Throws: an `InputError` when the model's template refuses system messages; nothing is changed then.
    public func setSystem(_ text: String?) throws(InputError) {
        var changed = messages
        if changed.first?.role == "system" { changed.removeFirst() }
        if let text { changed.insert(ChatMessage(role: "system", content: .string(text)), at: 0) }
        if text != nil { _ = try prompt.ids(changed.prefix(1) + [ChatMessage(role: "user", content: "")]) }
        messages = changed
    }

    /// Forgets all but the system message.
    public func reset() { messages.removeAll { $0.role != "system" } }

    /// Takes back the last question and its answer; false when there is none.
    public func undo() -> Bool {
        guard let last = messages.lastIndex(where: { $0.role == "user" }) else { return false }
        messages.removeSubrange(last...)
        return true
    }

    // MARK: Answers

    /// Adds what the user says and answers it. On an error nothing is added.
    /// - Parameters:
    ///   - text: the user's message.
    ///   - piece: receives the answer bit by bit; false stops it, and it stays in the conversation as far as it came; before its
    ///     first word, the conversation stays as it was.
    public func answer(_ text: String, piece: (String) -> Bool) throws(InputError) -> ChatTurn {
        try respond(to: messages + [ChatMessage(role: "user", content: .string(text))], piece)
    }

    /// Answers the last question again, with other random numbers; nil when there is none.
    public func regenerate(piece: (String) -> Bool) throws(InputError) -> ChatTurn? {
        guard let last = messages.lastIndex(where: { $0.role == "user" }) else { return nil }
        return try respond(to: Array(messages[...last]), piece)
    }

    private func respond(to conversation: [ChatMessage], _ piece: (String) -> Bool) throws(InputError) -> ChatTurn {
        let (kept, text, ids) = try fitted(conversation)
        // At least one token runs: its logits are needed.
        let reused = stream.truncate(to: min(zip(stream.ids, ids).prefix { $0 == $1 }.count, ids.count - 1))
        let generation = try Generation(
            stream, tokenizer: prompt.tokenizer, prompt: Array(ids[reused...]), sampling: sampling, maxTokens: maxTokens, stops: stops,
            sequence: answers)
        answers += 1
        var answer = ""
        while let part = try generation.next() {
            answer += part
            guard piece(part) else {
                let rest = generation.stop()
                _ = piece(rest)
                answer += rest
                break
            }
        }
        if generation.finishReason != nil || !answer.isEmpty {
            messages = kept + [ChatMessage(role: "assistant", content: .string(answer))]
            // Not so when a stop string or a special token was left out of the text.
            let isVerbatim = try prompt.tokenizer.decode(generation.ids, skipSpecial: false) == answer
            spoken = isVerbatim ? (text + answer, ids + generation.ids) : nil
        }
        return ChatTurn(
            finishReason: generation.finishReason, promptTokens: ids.count, reusedTokens: reused, generatedTokens: generation.ids.count,
            promptSeconds: generation.promptSeconds, decodeSeconds: generation.decodeSeconds,
            forgottenMessages: conversation.count - kept.count)
    }

    /// The conversation, its text and its tokens. When they leave no room for an answer, the oldest questions and answers are given
    /// up until half of the context is free; the system message and the last question stay.
    private func fitted(_ conversation: [ChatMessage]) throws(InputError) -> ([ChatMessage], String, [Int32]) {
        var kept = conversation
        var (text, ids) = try rendered(kept)
        guard ids.count + min(maxTokens ?? .max, capacity / 8) > capacity else { return (kept, text, ids) }
        let first = kept.first?.role == "system" ? 1 : 0
        while ids.count > capacity / 2, let next = kept[first...].dropFirst().firstIndex(where: { $0.role == "user" }) {
            kept.removeSubrange(first..<next)
            (text, ids) = try rendered(kept)
        }
        guard ids.count < capacity else {
            throw InputError(
                "the message", "its \(ids.count) tokens do not fit the context of \(capacity)", remedy: "shorten it or give a larger --context")
        }
        return (kept, text, ids)
    }

    private func rendered(_ messages: [ChatMessage]) throws(InputError) -> (String, [Int32]) {
        let text = try prompt.text(messages)
        guard let spoken, text.utf8.starts(with: spoken.text.utf8) else { return (text, prompt.ids(text)) }
        return (text, spoken.ids + prompt.ids(String(Substring(text.utf8.dropFirst(spoken.text.utf8.count)))))
    }
}
