import ApusLayers

extension TrainingConfiguration.Optimizer {
    /// The optimizer that the section describes.
    package var rule: any Optimizer {
        switch kind {
        case .adamw: return adamW
        case .adafactor:
            var rule = Adafactor()
            rule.weightDecay = weightDecay
            return rule
        case .lion:
            var rule = Lion()
            (rule.beta1, rule.beta2, rule.weightDecay) = (betas[0], betas[1], weightDecay)
            return rule
        case .sgd:
            var rule = SGD()
            (rule.momentum, rule.weightDecay) = (momentum, weightDecay)
            return rule
        case .muon:
            var rule = Muon()
            (rule.momentum, rule.weightDecay, rule.other) = (momentum, weightDecay, adamW)
            return rule
        }
    }

    private var adamW: AdamW {
        var rule = AdamW()
        (rule.beta1, rule.beta2, rule.epsilon, rule.weightDecay) = (betas[0], betas[1], epsilon, weightDecay)
        return rule
    }
}

extension TrainingConfiguration.Schedule {
    /// The learning rates that the section describes.
    package func rates(peak: Double) -> LearningRateSchedule {
        let shape: LearningRateSchedule.Shape =
            switch kind {
            case .cosine: .cosine
            case .linear: .linear
            case .wsd: .warmupStableDecay(decaySteps: decaySteps ?? max(totalSteps / 10, 1))
            case .constant: .constant
            case .inverse_sqrt: .inverseSquareRoot
            }
        return LearningRateSchedule(shape, peak: peak, minimum: minimumLearningRate, warmupSteps: warmupSteps, totalSteps: totalSteps)
    }
}
