import ApusBase
import ApusLayers
import ApusModels
import ApusTensor

/// Speeds of prefill and decoding at one batch size.
package struct SpeedResult: Sendable {
    package var batch: Int
    package var promptTokensPerSecond: Double
    package var tokensPerSecond: Double

    /// Prefill: `promptTokens` each into empty caches, logits of the last position only. Decoding: `generateTokens` each, from
    /// caches that hold `depth` tokens. Medians over `repetitions`.
    package static func measure(
        _ model: Decoder, batch: Int, promptTokens: Int, generateTokens: Int, depth: Int, repetitions: Int, cacheType: DType
    ) throws(InputError) -> SpeedResult {
        let workspace = Workspace(model.backend)
        let positions = max(promptTokens, depth + generateTokens)
        var streams: [TokenStream] = []
        for _ in 0..<batch {
            streams.append(try TokenStream(model, positions: max(positions, 1), cacheType: cacheType, workspace: workspace))
        }
        // Some tokens of the vocabulary, always the same ones.
        var state: UInt64 = 42
        func token() -> Int32 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int32(state >> 33) % Int32(model.description.vocabularySize)
        }
        var prefill: [Double] = [], decode: [Double] = []
        for repetition in 0...repetitions {
            var clock = ContinuousClock.now
            if promptTokens > 0 {
                let prompts = streams.map { _ in (0..<promptTokens).map { _ in token() } }
                clock = .now
                for (stream, prompt) in zip(streams, prompts) {
                    stream.truncate(to: 0)
                    _ = try stream.append(prompt)
                }
                if repetition > 0 { prefill.append(clock.duration(to: .now).seconds) }
            }
            guard generateTokens > 0 else { continue }
            for stream in streams {
                stream.truncate(to: 0)
                if depth > 0 { _ = try stream.append((0..<depth).map { _ in token() }) }
            }
            clock = .now
            for _ in 0..<generateTokens { _ = try TokenStream.step(streams, streams.map { _ in token() }, workspace: workspace) }
            if repetition > 0 { decode.append(clock.duration(to: .now).seconds) }
        }
        func rate(_ tokens: Int, _ seconds: [Double]) -> Double { seconds.isEmpty ? 0 : Double(batch * tokens) / seconds.median }
        return SpeedResult(
            batch: batch, promptTokensPerSecond: rate(promptTokens, prefill), tokensPerSecond: rate(generateTokens, decode))
    }
}

extension [Double] {
    var median: Double {
        let sorted = sorted()
        return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2
    }
}
