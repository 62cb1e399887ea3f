import ApusBase
import ApusCheckpoints
import ApusDescription
import ApusTensor
import Testing

@testable import ApusInference
@testable import ApusModels

/// Blocks of DeepNorm against a plain reference (Tests/Goldens/make_deepnorm.py).
@Suite struct DeepNormTests {
    private func description(_ name: String) -> DecoderDescription {
        let isGLM = name == "glm130b", layers = 3, scale = isGLM ? Float(2 * layers).squareRoot() : Float(2 * layers).squareRoot().squareRoot()
        let layer = LayerDescription(
            attention: AttentionDescription(heads: 4, kvHeads: 4, headSize: 12, inputBias: true, outputBias: true),
            feedForward: FeedForwardDescription(width: 72, kind: isGLM ? .gated : .plain, activation: isGLM ? .geluErf : .relu, bias: true),
            topology: .sequential(.deepNorm(scale: scale)))
        return DecoderDescription(
            architecture: name, vocabularySize: 97, width: 48, contextLength: 64, norm: .layer(epsilon: 1e-5), finalNorm: false,
            position: isGLM ? .rotary(RotaryDescription(dimensions: 12)) : .sinusoidal(offset: 0), embedding: EmbeddingDescription(norm: isGLM),
            layers: Array(repeating: layer, count: layers), head: HeadDescription(tied: true))
    }

    @Test(arguments: ["glm130b", "deepnet"]) func agreesWithTheReference(name: String) throws {
        let path = GoldenLogitsTests.folder + "deepnorm/" + name, description = description(name)
        let backend = try #require(CPUBackend(threads: 2))
        let source = try ModelSource(
            path: path, description: description, checkpoint: SafetensorsCheckpoint(path: path), layout: .canonical(description))
        let model = try Decoder.load(source, on: backend)
        try GoldenLogitsTests.compare(model, with: path, on: backend)
    }
}
