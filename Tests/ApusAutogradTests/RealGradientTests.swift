import ApusBase
import ApusTensor
import Glibc
import Testing

@testable import ApusModels

/// Gradients of real weights at their real size against PyTorch's in f64 (Tests/Goldens/make_real_gradients.py).
@Suite struct RealGradientTests {
    /// SmolLM2-135M-Instruct: scripts/fetch-model.sh puts it into APUS_TEST_MODELS.
    static let smolLM = getenv("APUS_TEST_MODELS").map { String(cString: $0) + "/SmolLM2-135M-Instruct.Q4_1.gguf" }.flatMap { fileExists($0) ? $0 : nil }

    @Test(.enabled(if: smolLM != nil, "APUS_TEST_MODELS has no SmolLM2; see scripts/fetch-model.sh")) func smolLMAgreesWithPyTorch() throws {
        let source = try ModelSource(path: try #require(Self.smolLM)), path = GradientTests.folder + "smollm2"
        let model = try TrainedModel(source, type: .f32, recompute: .selective, on: try #require(CPUBackend(threads: 2))) { _, _ in }
        let loss = try GradientCase(path: path, source.description).lossAndGradients(model)
        try GradientTests.expect(loss, model, toAgreeWith: path, places: try #require(source.folderPlaces))
    }
}
