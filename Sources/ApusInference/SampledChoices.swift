import ApusBase
import ApusLayers
import ApusModels
import ApusTensor
import ApusTokenizers

/// Several answers drawn for one prompt, which is run once; the answers then grow together.
public struct SampledChoices: Sendable {
    /// As many as were asked for, in the order of their sequences.
    public private(set) var choices: [Choice] = []
    /// Time of the prompt and of the first token of each answer.
    public private(set) var promptSeconds = 0.0
    /// Time of all other tokens.
    public private(set) var decodeSeconds = 0.0

    /// Runs the prompt and all answers to their ends.
    /// - Parameters:
    ///   - model: what gives the logits.
    ///   - tokenizer: turns answers into text, and knows the tokens that end them.
    ///   - prompt: at least one token.
    ///   - count: answer i draws the numbers of sequence i, so the first is what `Generation` gives.
    ///   - positions: room of each answer, its prompt included.
    ///   - cacheType: of keys and values: f32, f16 or bf16.
    ///   - sampling: how tokens are chosen.
    ///   - maxTokens: of each answer.
    ///   - stops: strings that end an answer and are left out of it.
    ///   - memory: the encoded text that a decoder with an encoder attends to.
    /// - Throws: an `InputError` for an empty prompt, one that does not fit, or a parameter out of range.
    public init(
        _ model: Decoder, tokenizer: Tokenizer, prompt: [Int32], count: Int, positions: Int, cacheType: DType, sampling: SamplingParameters,
        maxTokens: Int, stops: [String] = [], memory: EncoderMemory? = nil
    ) throws(InputError) {
        guard !prompt.isEmpty else { throw InputError("the prompt", "is empty", remedy: "give a text of at least one token") }
        let workspace = Workspace(model.backend)
        var streams: [TokenStream] = [], continuations: [Continuation] = [], texts = [String](repeating: "", count: count)
        for index in 0..<count {
            streams.append(try TokenStream(model, positions: positions, cacheType: cacheType, memory: memory, workspace: workspace))
            let sampler = try Sampler(
                sampling, vocabularySize: model.description.vocabularySize, prompt: prompt, sequence: UInt32(index))
            continuations.append(try Continuation(tokenizer: tokenizer, sampler: sampler, stops: stops))
        }
        func advance(_ index: Int, _ logits: UnsafeMutableBufferPointer<Float>) throws(InputError) {
            texts[index] += try continuations[index].choose(from: logits)
            guard continuations[index].finishReason == nil else { return }
            if continuations[index].ids.count >= maxTokens || streams[index].ids.count >= positions {
                texts[index] += continuations[index].finish(.length)
            }
        }
        var clock = ContinuousClock.now
        let logits = try streams[0].append(prompt)
        for index in 0..<count {
            if index > 0 { streams[index].fork(streams[0]) }
            if maxTokens > 0 { try advance(index, logits) } else { _ = continuations[index].finish(.length) }
        }
        promptSeconds = clock.duration(to: .now).seconds
        clock = .now
        while true {
            let active = continuations.indices.filter { continuations[$0].finishReason == nil }
            guard !active.isEmpty else { break }
            let rows = try TokenStream.step(active.map { streams[$0] }, active.map { continuations[$0].ids.last! }, workspace: workspace)
            for (row, index) in active.enumerated() { try advance(index, rows[row]) }
        }
        decodeSeconds = clock.duration(to: .now).seconds
        choices = zip(texts, continuations).map { Choice(text: $0, ids: $1.ids, finishReason: $1.finishReason!) }
    }
}
