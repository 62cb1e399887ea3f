import ApusBase
import ApusLayers
import ApusModels
import ApusTensor
import Glibc

/// How likely a model finds given tokens.
public struct Score: Sendable {
    /// Σ log p(token | those before), over all but the first.
    public var logLikelihood = 0.0
    /// Tokens (but the first) that the model itself would have chosen.
    public var greedyMatches = 0

    /// Runs `ids` from an empty cache. `logits` receives `[tokens, V]`, chunk by chunk, from the given first token on. `memory` is the encoded
    /// text that a decoder with an encoder attends to; the first `prefixLength` tokens see one another in both directions, of a prefix model.
    public static func of(
        _ ids: [Int32], model: Decoder, backend: CPUBackend, cacheType: DType, memory: EncoderMemory? = nil, prefixLength: Int? = nil,
        logits: (Int, Rows) throws -> Void = { _, _ in }
    ) throws -> Score {
        if let prefixLength, !(0...ids.count).contains(prefixLength) {
            throw InputError("--prefix-length", "\(prefixLength) is not from 0 to the \(ids.count) tokens that are given")
        }
        var score = Score()
        guard !ids.isEmpty else { return score }
        var failure: (any Error)?
        let stream = try TokenStream(
            model, positions: ids.count, cacheType: cacheType, memory: memory, prefixLength: prefixLength, workspace: Workspace(model.backend))
        try stream.appendAll(ids) { first, rows in
            for row in 0..<rows.count where first + row + 1 < ids.count {
                let target = Int(ids[first + row + 1])
                score.logLikelihood += Double(rows[row][target] - backend.logSumExp(rows[row]))
                if backend.argmax(rows[row]) == target { score.greedyMatches += 1 }
            }
            do { try logits(first, rows) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
        return score
    }
}

/// Perplexity as llama-perplexity computes it: chunks of `context` tokens, each from an empty cache and starting with the BOS
/// token if the model has one; the second half of each chunk counts.
public struct Perplexity: Sendable {
    /// −Σ ln p(token | those before in its chunk), over the tokens that count.
    public private(set) var negativeLogLikelihood = 0.0
    /// Tokens that count.
    public private(set) var tokens = 0
    /// e to the mean of `negativeLogLikelihood` over `tokens`.
    public var value: Double { exp(negativeLogLikelihood / Double(max(tokens, 1))) }

    /// Scores the whole chunks of `ids`; tokens after the last of them are left out. Quantised weights of fewer than 8 bits meet activations of
    /// 16 bits, as in an answer, not the 8 of a long prompt.
    /// - Parameters:
    ///   - ids: the tokens of the text.
    ///   - context: tokens of a chunk, at least 4.
    ///   - bos: takes the place of each chunk's first token, unless nil.
    ///   - model: what gives the likelihoods.
    ///   - backend: the one that the model was loaded on.
    ///   - cacheType: of keys and values: f32, f16 or bf16.
    ///   - progress: receives the chunks done, the chunks in all, and the perplexity so far.
    /// - Throws: an `InputError` when `context` is below 4 or `ids` do not fill one chunk, and as `TokenStream` does.
    public static func of(
        _ ids: [Int32], context: Int, bos: Int32?, model: Decoder, backend: CPUBackend, cacheType: DType,
        progress: (Int, Int, Double) -> Void = { _, _, _ in }
    ) throws(InputError) -> Perplexity {
        guard context >= 4 else { throw InputError("--context", "\(context) is too small: at least 4 tokens are needed") }
        let chunks = ids.count / context
        guard chunks > 0 else {
            throw InputError("the text", "has \(ids.count) tokens, fewer than one chunk of \(context)", remedy: "give a longer text or a smaller --context")
        }
        var result = Perplexity()
        let stream = try TokenStream(model, positions: context, cacheType: cacheType)
        for chunk in 0..<chunks {
            var part = Array(ids[chunk * context..<(chunk + 1) * context])
            if let bos { part[0] = bos }
            stream.truncate(to: 0)
            let half = context / 2
            try stream.appendAll(part) { first, rows in
                for row in 0..<rows.count where first + row >= half && first + row + 1 < context {
                    let target = Int(part[first + row + 1])
                    result.negativeLogLikelihood -= Double(rows[row][target] - backend.logSumExp(rows[row]))
                    result.tokens += 1
                }
            }
            progress(chunk + 1, chunks, result.value)
        }
        return result
    }
}
