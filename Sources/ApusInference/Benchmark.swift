import ApusBase
import ApusLayers
import ApusModels
import ApusTensor

/// Speeds of prefill and decoding at one batch size.
package struct SpeedResult: Sendable {
    package var batch: Int
    package var promptTokensPerSecond: Double
    package var tokensPerSecond: Double
}

/// Measures prefill, which is encoding where a model has an encoder, and decoding.
package struct SpeedBenchmark: Sendable {
    package enum Model: Sendable {
        case decoder(Decoder)
        case encoder(Encoder)
    }

    private let model: Model
    private let promptTokens: Int
    private let generateTokens: Int
    private let depth: Int
    private let repetitions: Int
    private let cacheType: DType

    /// - Parameters:
    ///   - model: what runs.
    ///   - promptTokens: tokens of a prompt, of which the logits of the last position alone are computed, or of a text that is encoded.
    ///   - generateTokens: tokens to decode.
    ///   - depth: tokens in the caches before them.
    ///   - repetitions: runs to take medians of, after one to warm up.
    ///   - cacheType: of keys and values: f32, f16 or bf16.
    /// - Throws: an `InputError` when an encoder is to decode.
    package init(
        _ model: Model, promptTokens: Int, generateTokens: Int, depth: Int, repetitions: Int, cacheType: DType
    ) throws(InputError) {
        if case .encoder(let encoder) = model, generateTokens > 0 || depth > 0 {
            throw InputError(
                "the model", "\(encoder.description.architecture) is an encoder: it gives vectors and decodes no tokens",
                remedy: "leave --generate-tokens and --depth out")
        }
        self.model = model
        self.promptTokens = promptTokens
        self.generateTokens = generateTokens
        self.depth = depth
        self.repetitions = repetitions
        self.cacheType = cacheType
    }

    /// Runs `batch` sequences: prompts one after the other, texts of an encoder and decoding together.
    package func measure(batch: Int) throws(InputError) -> SpeedResult {
        switch model {
        case .decoder(let decoder): try measure(decoder, batch)
        case .encoder(let encoder): try measure(encoder, batch)
        }
    }

    private func measure(_ encoder: Encoder, _ batch: Int) throws(InputError) -> SpeedResult {
        let workspace = Workspace(encoder.backend)
        var tokens = SomeTokens(vocabularySize: encoder.description.vocabularySize), seconds: [Double] = []
        for repetition in 0...repetitions where promptTokens > 0 {
            let texts = (0..<batch).map { _ in tokens.next(promptTokens) }, start = ContinuousClock.now
            _ = try encoder.encode(texts, cacheType: cacheType, workspace: workspace)
            encoder.backend.synchronize()
            if repetition > 0 { seconds.append(start.duration(to: .now).seconds) }
        }
        return result(batch, prefill: seconds, decode: [])
    }

    private func measure(_ decoder: Decoder, _ batch: Int) throws(InputError) -> SpeedResult {
        let workspace = Workspace(decoder.backend)
        var tokens = SomeTokens(vocabularySize: decoder.description.vocabularySize), prefill: [Double] = [], decode: [Double] = []
        var streams: [TokenStream] = []
        for _ in 0..<(decoder.encoder == nil ? batch : 0) { streams.append(try stream(of: decoder, nil, workspace)) }
        for repetition in 0...repetitions {
            if promptTokens > 0 || decoder.encoder != nil {
                let prompts = (0..<batch).map { _ in tokens.next(promptTokens) }, start = ContinuousClock.now
                try read(prompts, decoder, &streams, workspace)
                if repetition > 0 { prefill.append(start.duration(to: .now).seconds) }
            }
            guard generateTokens > 0 else { continue }
            for stream in streams {
                stream.truncate(to: 0)
                if depth > 0 { _ = try stream.append(tokens.next(depth)) }
            }
            let start = ContinuousClock.now
            for _ in 0..<generateTokens { _ = try TokenStream.step(streams, tokens.next(batch), workspace: workspace) }
            if repetition > 0 { decode.append(start.duration(to: .now).seconds) }
        }
        return result(batch, prefill: prefill, decode: decode)
    }

    private func stream(of decoder: Decoder, _ memory: EncoderMemory?, _ workspace: Workspace) throws(InputError) -> TokenStream {
        let positions = max(decoder.encoder == nil ? promptTokens : 0, depth + generateTokens, 1)
        return try TokenStream(decoder, positions: positions, cacheType: cacheType, memory: memory, workspace: workspace)
    }

    /// Takes each prompt into a stream. An encoder's text stays with its stream, so that there are new ones.
    private func read(_ prompts: [[Int32]], _ decoder: Decoder, _ streams: inout [TokenStream], _ workspace: Workspace) throws(InputError) {
        guard decoder.encoder != nil else {
            for (stream, prompt) in zip(streams, prompts) {
                stream.truncate(to: 0)
                _ = try stream.append(prompt)
            }
            return
        }
        streams = []
        for prompt in prompts {
            streams.append(try stream(of: decoder, EncoderMemory(decoder, encoding: prompt, cacheType: cacheType), workspace))
        }
    }

    private func result(_ batch: Int, prefill: [Double], decode: [Double]) -> SpeedResult {
        func rate(_ tokens: Int, _ seconds: [Double]) -> Double { seconds.isEmpty ? 0 : Double(batch * tokens) / seconds.median }
        return SpeedResult(batch: batch, promptTokensPerSecond: rate(promptTokens, prefill), tokensPerSecond: rate(generateTokens, decode))
    }
}

/// Some tokens of a vocabulary, always the same ones.
private struct SomeTokens {
    let vocabularySize: Int
    private var state: UInt64 = 42

    init(vocabularySize: Int) { self.vocabularySize = vocabularySize }

    mutating func next(_ count: Int) -> [Int32] {
        (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int32(state >> 33) % Int32(vocabularySize)
        }
    }
}

extension [Double] {
    var median: Double {
        let sorted = sorted()
        return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2
    }
}
