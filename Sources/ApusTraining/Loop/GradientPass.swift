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

        /// Adds the losses of a batch's tokens to what are sums so far.
        fileprivate mutating func add(_ part: TokenLosses, targets: [Int32]) {
            for (index, target) in targets.enumerated() where target >= 0 {
                crossEntropy += Double(part.losses[index])
                squaredLogSum += Double(part.logSums[index]) * Double(part.logSums[index])
                countedTokens += 1
            }
        }

        /// Of sums.
        fileprivate var mean: Loss {
            let count = Double(max(countedTokens, 1))
            return Loss(crossEntropy: crossEntropy / count, squaredLogSum: squaredLogSum / count, countedTokens: countedTokens)
        }

        fileprivate static let none = Loss(crossEntropy: 0, squaredLogSum: 0, countedTokens: 0)
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
        guard counted > 0 else {
            model.parameters.clearGradients(on: model.tape.base)
            return .none
        }
        let options = CrossEntropyOptions(labelSmoothing: labelSmoothing, zLoss: zLoss, gradientScale: lossScale / Float(counted))
        var sums = Loss.none
        for (index, batch) in batches.enumerated() {
            let part = try model.tape.record(replacesGradients: index == 0, dropoutKeys: batch.dropoutKeys) { () throws(InputError) -> TokenLosses in
                try losses(batch, options)
            }
            model.tape.backward()
            sums.add(part, targets: batch.targets)
        }
        return sums.mean
    }

    /// The loss alone, of batches that are given one at a time, and nil at their end.
    func evaluate(_ next: () throws(InputError) -> MicroBatch?) throws(InputError) -> Loss {
        var sums = Loss.none
        while let batch = try next() {
            let part = try model.tape.evaluate { () throws(InputError) -> TokenLosses in try losses(batch, CrossEntropyOptions(gradientScale: 0)) }
            sums.add(part, targets: batch.targets)
        }
        return sums.mean
    }

    private func losses(_ batch: MicroBatch, _ options: CrossEntropyOptions) throws(InputError) -> TokenLosses {
        try model.decoder.losses(batch.inputs, texts: batch.texts, targets: batch.targets, options, workspace: workspace)
    }
}
