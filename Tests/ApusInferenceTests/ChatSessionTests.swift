import ApusBase
import ApusModels
import ApusTemplates
import ApusTensor
import ApusTokenizers
import Testing

@testable import ApusInference

/// Conversations that reuse the cache, against the same conversations computed anew at every turn (Tests/Goldens/make_chat.py).
@Suite struct ChatSessionTests {
    private let model: Decoder
    private let prompt: ChatPrompt
    private let sampling = SamplingParameters(temperature: 0.8, logitBias: [2: -5], seed: 5)

    init() throws {
        let source = try ModelSource(path: parentFolder(parentFolder(#filePath)) + "/Goldens/chat")
        model = try Decoder.load(source, on: try #require(CPUBackend(threads: 1)))
        prompt = ChatPrompt(try ChatTemplate(source: try #require(try source.chatTemplate()), name: "template"), try source.tokenizer())
    }

    private func session(context: Int = 256, maxTokens: Int? = 12) throws -> ChatSession {
        try ChatSession(
            TokenStream(model, positions: context, cacheType: .f16), prompt: prompt, sampling: sampling, maxTokens: maxTokens)
    }

    /// The answer that a fresh cache gives to the same tokens, which must spell the messages.
    private func fresh(_ session: ChatSession, _ turn: ChatTurn, sequence: UInt32) throws -> String {
        let ids = Array(session.stream.ids.prefix(turn.promptTokens))
        #expect(try prompt.tokenizer.decode(ids, skipSpecial: false) == (try prompt.text(session.messages.dropLast())))
        let generation = try Generation(
            TokenStream(model, positions: 256, cacheType: .f16), tokenizer: prompt.tokenizer, prompt: ids, sampling: sampling, maxTokens: 12,
            sequence: sequence)
        var text = ""
        while let piece = try generation.next() { text += piece }
        return text
    }

    @Test func reusedTokensChangeNothing() throws {
        let session = try session()
        var before = 0
        for (turn, text) in ["Hello there", "How are you?", "the river"].enumerated() {
            var answer = ""
            let result = try session.answer(text) {
                answer += $0; return true
            }
            #expect(answer == (try fresh(session, result, sequence: UInt32(turn))))
            #expect(session.messages.last == ChatMessage(role: "assistant", content: .string(answer)))
            // The last token of an answer that was cut off has not run.
            #expect(result.reusedTokens >= before - 1 && result.reusedTokens < result.promptTokens)
            before = result.promptTokens + result.generatedTokens
        }
    }

    @Test func aChangedPrefixRunsAgain() throws {
        let session = try session()
        _ = try session.answer("Hello there") { _ in true }
        try session.setSystem("the house")
        var answer = ""
        let turn = try session.answer("How are you?") {
            answer += $0; return true
        }
        #expect(turn.reusedTokens < 5)
        #expect(answer == (try fresh(session, turn, sequence: 1)))
    }

    @Test func aStopStringIsNotSaid() throws {
        let session = try ChatSession(
            TokenStream(model, positions: 256, cacheType: .f16), prompt: prompt, sampling: sampling, maxTokens: 40, stops: ["e", "a"])
        _ = try session.answer("Hello there") { _ in true }
        let turn = try session.answer("How are you?") { _ in true }
        #expect(turn.finishReason == .stop)
        _ = try fresh(session, turn, sequence: 1)
    }

    @Test func regeneratingDrawsOtherNumbers() throws {
        let session = try session()
        var answers: [String] = []
        for _ in 0..<3 {
            var answer = ""
            if answers.isEmpty {
                _ = try session.answer("Hello there") {
                    answer += $0; return true
                }
            } else {
                _ = try session.regenerate {
                    answer += $0; return true
                }
            }
            answers.append(answer)
            #expect(session.messages.count == 2)
        }
        #expect(Set(answers).count > 1)
    }

    @Test func stoppingKeepsWhatWasSaid() throws {
        let session = try session()
        var pieces = 0
        let turn = try session.answer("Hello there") { _ in
            pieces += 1; return pieces < 3
        }
        #expect(turn.finishReason == nil && turn.generatedTokens == 3 && pieces == 4, "\(turn)")
        #expect(session.messages.count == 2)
        #expect(session.undo() && session.messages.isEmpty && !session.undo())
    }

    @Test func aFullContextForgetsTheOldestButNotTheSystemMessage() throws {
        let session = try session(context: 96)
        try session.setSystem("the hill")
        var forgotten = 0
        for _ in 0..<8 {
            let turn = try session.answer("Hello") { _ in true }
            forgotten += turn.forgottenMessages
            #expect(turn.promptTokens < 96 && session.messages[0].role == "system" && session.messages.last?.role == "assistant")
        }
        #expect(forgotten > 0)
    }

    @Test func aMessageThatNeverFitsIsRefusedAndLeavesNoTrace() throws {
        let session = try session(context: 64)
        _ = try session.answer("Hello") { _ in true }
        let before = session.messages
        #expect(throws: InputError.self) { try session.answer(String(repeating: "z", count: 90)) { _ in true } }
        #expect(session.messages == before)
        _ = try session.answer("Hello") { _ in true }
    }

    @Test func aSystemMessageThatTheTemplateRefusesChangesNothing() throws {
        let template = try ChatTemplate(
            source: "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ m.content }}{% endfor %}",
            name: "template")
        let session = try ChatSession(
            TokenStream(model, positions: 64, cacheType: .f16), prompt: ChatPrompt(template, prompt.tokenizer), maxTokens: 3)
        #expect(throws: InputError.self) { try session.setSystem("the house") }
        #expect(session.messages.isEmpty)
    }
}
