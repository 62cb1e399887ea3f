import ApusAutograd
import ApusBase
import ApusDescription
import ApusLayers
import ApusTensor
import Testing

@testable import ApusModels

/// The sequences of a golden model, and what is predicted of each of their tokens (Tests/Goldens/make_gradients.py).
struct GradientCase {
    private var sequences: [[Int32]] = []
    /// Below 0: nothing.
    private var targets: [Int32] = []
    private var contexts: [InfillingContext] = []
    private var channels: [PositionChannels?] = []
    /// What an encoder reads.
    private var texts: [[Int32]] = []

    /// The next tokens of `ids.json`, of a T5's answers, or the tokens that `masked.json` wants.
    init(path: String, _ description: DecoderDescription) throws {
        func ids(_ json: JSON?) throws -> [Int32] { try #require(json?.array).map { Int32($0.int!) } }
        let masked = path + "/masked.json", isMasked = fileExists(masked), places = path + "/channels.json"
        for example in try #require(try JSON(contentsOf: isMasked ? masked : path + "/ids.json").array) {
            let sequence = try ids(isMasked ? example["ids"] : description.encoder != nil ? example["answer"] : example)
            if description.encoder != nil { texts.append(try ids(example["text"])) }
            sequences.append(sequence)
            targets += try isMasked ? ids(example["targets"]) : sequence.dropFirst() + [-1]
            if isMasked {
                contexts.append(InfillingContext(length: sequence.count, blank: 0))
            } else {
                contexts.append(description.infilling.map { InfillingContext(of: sequence, $0) } ?? .none)
            }
            channels.append(nil)
        }
        guard fileExists(places) else { return }
        for (index, example) in try #require(try JSON(contentsOf: places).array).enumerated() {
            channels[index] = PositionChannels(text: try ids(example["text"]), answer: try ids(example["answer"]))
        }
    }

    /// Their mean cross-entropy; its gradients are added to the store's, or take their place.
    /// - Parameter drops: sequence i has the key that make_dropout.py gives it.
    func lossAndGradients(_ model: TrainedModel, replacesGradients: Bool = false, drops: Bool = false) throws -> Double {
        let cache = try KeyValueCache(model.decoder, positions: sequences.map(\.count).max()!, dtype: .f32)
        let inputs = sequences.indices.map {
            SequenceInput(ids: sequences[$0], position: 0, cache: cache, infilling: contexts[$0], channels: channels[$0], logits: 0..<0)
        }
        let counted = targets.count { $0 >= 0 }, workspace = Workspace(model.tape)
        let keys = drops ? sequences.indices.map { UInt64($0 + 1) &* 0x9E37_79B9_7F4A_7C15 } : []
        let losses = try model.tape.record(replacesGradients: replacesGradients, dropoutKeys: keys) { () throws(InputError) -> TokenLosses in
            try model.decoder.losses(
                inputs, texts: texts, targets: targets, CrossEntropyOptions(gradientScale: 1 / Float(counted)), workspace: workspace)
        }
        model.tape.backward()
        return losses.losses.reduce(0) { $0 + Double($1) } / Double(counted)
    }
}
