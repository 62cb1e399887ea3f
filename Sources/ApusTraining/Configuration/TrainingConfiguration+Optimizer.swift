extension TrainingConfiguration {
    /// Section `optimizer`.
    package struct Optimizer: Equatable, Sendable {
        package enum Kind: String, ConfigurationChoice { case adamw, adafactor, lion, sgd, muon }

        package var kind = Kind.adamw
        package var learningRate = 3e-4
        package var betas = [0.9, 0.95]
        package var epsilon = 1e-8
        package var momentum = 0.95
        package var weightDecay = 0.1
        package var decayAll = false
        package var gradientClip = 1.0

        package init() {}
    }

    /// Section `schedule`.
    package struct Schedule: Equatable, Sendable {
        package enum Kind: String, ConfigurationChoice { case cosine, linear, wsd, constant, inverse_sqrt }

        package var kind = Kind.cosine
        package var warmupSteps = 100
        package var totalSteps = 1000
        package var minimumLearningRate = 3e-5
        package var decaySteps: Int?

        package init() {}
    }

    /// Section `batch`.
    package struct Batch: Equatable, Sendable {
        package var micro = 4
        package var accumulate = 2

        package init() {}
    }
}

extension TrainingConfiguration.Optimizer: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("kind", \.kind, "the update"),
            ConfigurationKey("learning_rate", \.learningRate, .between(0, 1000), "the highest learning rate"),
            ConfigurationKey(
                "betas", \.betas, ConfigurationRule(words: ", two of them from 0 up to but not 1") { $0.count == 2 && $0.allSatisfy { $0 >= 0 && $0 < 1 } },
                "adamw, lion: decay of the first and the second moment"),
            ConfigurationKey("epsilon", \.epsilon, .between(1e-30, 1), "adamw: added to the root of the second moment"),
            ConfigurationKey("momentum", \.momentum, .from(0, below: 1), "sgd, muon: decay of the sum of gradients"),
            ConfigurationKey("weight_decay", \.weightDecay, .between(0, 1000), "decoupled decay of matrices; 0: none"),
            ConfigurationKey("decay_all", \.decayAll, "decay norms, biases and other vectors too"),
            ConfigurationKey("gradient_clip", \.gradientClip, .atLeast(0), "largest norm of all gradients together; 0: any"),
        ]
    }
}

extension TrainingConfiguration.Schedule: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("kind", \.kind, "the shape of the learning rate behind the warm-up"),
            ConfigurationKey("warmup_steps", \.warmupSteps, .atLeast(0), "W: at step s ≤ W the rate is learning_rate · s / W"),
            ConfigurationKey("total_steps", \.totalSteps, .atLeast(1), "steps of the run"),
            ConfigurationKey(
                "minimum_learning_rate", \.minimumLearningRate, .between(0, 1000), "the rate at the last step of cosine, linear and wsd"),
            ConfigurationKey("decay_steps", \.decaySteps, .optional(.atLeast(1)), "wsd: steps of the final decay; null: a tenth of total_steps"),
        ]
    }
}

extension TrainingConfiguration.Batch: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("micro", \.micro, .between(1, 65536), "sequences that go through the model at once on a rank"),
            ConfigurationKey("accumulate", \.accumulate, .between(1, 65536), "such passes a step"),
        ]
    }
}
