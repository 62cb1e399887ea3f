import ApusAutograd
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
    func run(_ batches: [MicroBatch], lossScale: Float = 1) -> Loss {
        let counted = batches.reduce(0) { $0 + $1.countedTokens }
        if counted == 0 { model.parameters.clearGradients(on: model.tape.base) }
        var isFirst = true
        return sum(batches, counted: counted) { batch in
            let options = CrossEntropyOptions(
                labelSmoothing: labelSmoothing, zLoss: zLoss, gradientScale: counted > 0 ? lossScale / Float(counted) : 0)
            defer { isFirst = false }
            let losses = model.tape.record(replacesGradients: isFirst) {
                model.decoder.losses(batch.inputs, targets: batch.targets, options, workspace: workspace)
            }
            model.tape.backward()
            return losses
        }
    }

    /// The loss alone.
    func evaluate(_ batches: [MicroBatch]) -> Loss {
        sum(batches, counted: batches.reduce(0) { $0 + $1.countedTokens }) { batch in
            model.decoder.losses(batch.inputs, targets: batch.targets, CrossEntropyOptions(gradientScale: 0), workspace: workspace)
        }
    }

    private func sum(_ batches: [MicroBatch], counted: Int, _ losses: (MicroBatch) -> TokenLosses) -> Loss {
        var loss = Loss(crossEntropy: 0, squaredLogSum: 0, countedTokens: counted)
        guard counted > 0 else { return loss }
        for batch in batches {
            let part = losses(batch)
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
