import ApusAutograd
import ApusBase
import ApusLayers
import ApusModels
import ApusTensor

/// Forward and backward passes of a step's micro-batches. The loss is the mean over the tokens that count of all of them together.
final class GradientPass {
    /// What a step lost.
    struct Loss {
        /// Mean cross-entropy of the tokens that count.
        var crossEntropy: Double
        /// Mean log²Z, which the z-loss is a multiple of.
        var squaredLogSum: Double
        /// Tokens that counted.
        var countedTokens: Int
    }

    let model: TrainedModel
    private let workspace: Workspace
    private let labelSmoothing: Float
    private let zLoss: Float

    init(_ model: TrainedModel, labelSmoothing: Float = 0, zLoss: Float = 0) {
        self.model = model
        self.labelSmoothing = labelSmoothing
        self.zLoss = zLoss
        workspace = Workspace(model.tape)
    }

    /// Sets the gradients of the weights to those of the step's loss times `lossScale`.
    func run(_ batches: [MicroBatch], lossScale: Float = 1) throws(InputError) -> Loss {
        let counted = batches.reduce(0) { $0 + $1.countedTokens }
        if counted == 0 { model.parameters.clearGradients(on: model.tape.base) }
        var isFirst = true
        return try sum(batches, counted: counted) { (batch) throws(InputError) in
            let options = CrossEntropyOptions(
                labelSmoothing: labelSmoothing, zLoss: zLoss, gradientScale: counted > 0 ? lossScale / Float(counted) : 0)
            defer { isFirst = false }
            let part = try model.tape.record(replacesGradients: isFirst) { () throws(InputError) -> TokenLosses in try losses(batch, options) }
            model.tape.backward()
            return part
        }
    }

    /// The loss alone.
    func evaluate(_ batches: [MicroBatch]) throws(InputError) -> Loss {
        try sum(batches, counted: batches.reduce(0) { $0 + $1.countedTokens }) { (batch) throws(InputError) in
            try model.tape.evaluate { () throws(InputError) -> TokenLosses in try losses(batch, CrossEntropyOptions(gradientScale: 0)) }
        }
    }

    private func losses(_ batch: MicroBatch, _ options: CrossEntropyOptions) throws(InputError) -> TokenLosses {
        try model.decoder.losses(batch.inputs, texts: batch.texts, targets: batch.targets, options, workspace: workspace)
    }

    private func sum(
        _ batches: [MicroBatch], counted: Int, _ losses: (MicroBatch) throws(InputError) -> TokenLosses
    ) throws(InputError) -> Loss {
        var loss = Loss(crossEntropy: 0, squaredLogSum: 0, countedTokens: counted)
        guard counted > 0 else { return loss }
        for batch in batches {
            let part = try losses(batch)
            for (index, target) in batch.targets.enumerated() where target >= 0 {
                loss.crossEntropy += Double(part.losses[index])
                loss.squaredLogSum += Double(part.logSums[index]) * Double(part.logSums[index])
            }
        }
        loss.crossEntropy /= Double(counted)
        loss.squaredLogSum /= Double(counted)
        return loss
    }
}
