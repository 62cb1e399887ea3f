import ApusBase
import ApusLayers
import ApusModels
import ApusTensor
import ApusTokenizers

/// Beam search for the likeliest answers, scored by log-likelihood divided by the number of tokens: what transformers'
/// `generate(num_beams: …)` does with `length_penalty` 1 and `early_stopping` false.
public struct BeamSearch: Sendable {
    /// As many as there are beams, the best first.
    public private(set) var choices: [Choice] = []
    /// Time of the prompt, which runs once.
    public private(set) var promptSeconds = 0.0
    /// Time of the search after it.
    public private(set) var decodeSeconds = 0.0

    /// A sequence that still grows, or the token that would make it grow.
    private struct Candidate {
        var beam: Int
        var token: Int32
        var logLikelihood: Double
    }

    /// Runs the prompt and the whole search.
    /// - Parameters:
    ///   - model: what gives the likelihoods.
    ///   - tokenizer: turns answers into text, and knows the tokens that end them.
    ///   - prompt: at least one token.
    ///   - beams: at least 1.
    ///   - positions: room of each beam, the prompt included.
    ///   - cacheType: of keys and values: f32, f16 or bf16.
    ///   - maxTokens: at least 1.
    ///   - memory: the encoded text that a decoder with an encoder attends to.
    /// - Throws: an `InputError` for an empty prompt, one that does not fit, or fewer ways to go on than beams.
    public init(
        _ model: Decoder, tokenizer: Tokenizer, prompt: [Int32], beams: Int, positions: Int, cacheType: DType, maxTokens: Int,
        memory: EncoderMemory? = nil
    ) throws(InputError) {
        guard !prompt.isEmpty else { throw InputError("the prompt", "is empty", remedy: "give a text of at least one token") }
        precondition(beams > 0 && maxTokens > 0)
        let workspace = Workspace(model.backend), ends = tokenizer.endOfGenerationIDs
        var streams: [TokenStream] = []
        for _ in 0..<beams {
            streams.append(try TokenStream(model, positions: positions, cacheType: cacheType, memory: memory, workspace: workspace))
        }
        let limit = min(maxTokens, positions - prompt.count + 1)
        var clock = ContinuousClock.now
        var logits = [UnsafeBufferPointer(try streams[0].append(prompt))]
        promptSeconds = clock.duration(to: .now).seconds
        clock = .now
        var running = [Candidate(beam: 0, token: prompt.last!, logLikelihood: 0)]
        for length in 1...limit {
            // So many that enough are left when all ends of all beams are among them.
            let best = Self.best(beams * (1 + ends.count), of: logits, after: running)
            let endings = best.prefix(beams).filter { length == limit || ends.contains($0.token) }
            for ending in endings { finish(ending, of: streams[ending.beam].ids.dropFirst(prompt.count), ends, tokenizer) }
            choices.sort { $0.score! > $1.score! }
            choices.removeLast(max(0, choices.count - beams))
            running = Array(best.filter { !ends.contains($0.token) }.prefix(beams))
            guard running.count == beams else {
                throw InputError("--beams", "there are only \(running.count) ways to go on", remedy: "give fewer beams, and check the weights for NaN")
            }
            let canImprove = choices.count < beams || running[0].logLikelihood / Double(length) > choices.last!.score!
            guard length < limit, canImprove else { break }
            streams = Self.reordered(streams, running.map(\.beam))
            let rows = try TokenStream.step(streams, running.map(\.token), workspace: workspace)
            logits = (0..<beams).map { UnsafeBufferPointer(rows[$0]) }
            for index in running.indices { running[index].beam = index }
        }
        decodeSeconds = clock.duration(to: .now).seconds
    }

    private mutating func finish(_ ending: Candidate, of ids: ArraySlice<Int32>, _ ends: Set<Int32>, _ tokenizer: Tokenizer) {
        let isEnd = ends.contains(ending.token)
        let all = isEnd ? Array(ids) : ids + [ending.token]
        var decoder = tokenizer.streamDecoder()
        let text = all.reduce(into: "") { $0 += decoder.push($1) } + decoder.finish()
        choices.append(
            Choice(text: text, ids: all, finishReason: isEnd ? .stop : .length, score: ending.logLikelihood / Double(ids.count + 1)))
    }

    /// The `count` likeliest ways to go on, the best first.
    private static func best(_ count: Int, of logits: [UnsafeBufferPointer<Float>], after running: [Candidate]) -> [Candidate] {
        var best: [Candidate] = []
        best.reserveCapacity(count + 1)
        for (beam, row) in logits.enumerated() {
            let base = running[beam].logLikelihood - Double(LogitMath.logSumExp(row))
            for (token, logit) in row.enumerated() {
                let value = base + Double(logit)
                guard best.count < count || value > best[count - 1].logLikelihood else { continue }
                if best.count == count { best.removeLast() }
                let place = best.lastIndex { $0.logLikelihood >= value }.map { $0 + 1 } ?? 0
                best.insert(Candidate(beam: beam, token: Int32(token), logLikelihood: value), at: place)
            }
        }
        return best
    }

    /// Streams that hold what the streams `parents` hold: those that go on stay where they are, copies take the place of others.
    private static func reordered(_ streams: [TokenStream], _ parents: [Int]) -> [TokenStream] {
        var free = streams.indices.filter { !parents.contains($0) }
        var kept: Set<Int> = []
        return parents.map { parent in
            if kept.insert(parent).inserted { return streams[parent] }
            let copy = streams[free.removeLast()]
            copy.fork(streams[parent])
            return copy
        }
    }
}
