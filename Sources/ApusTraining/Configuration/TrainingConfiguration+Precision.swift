import ApusBase

extension TrainingConfiguration {
    /// Section `precision`.
    package struct Precision: Equatable, Sendable {
        package enum Compute: String, ConfigurationChoice { case f32, bf16, f16 }

        package var compute = Compute.bf16
        package var lossScale = LossScale.dynamic

        package init() {}
    }

    /// What the loss is multiplied by so that gradients do not vanish in f16.
    package enum LossScale: Equatable, Sendable {
        /// Halved when gradients overflow, doubled after a while without.
        case dynamic
        case fixed(Double)
    }

    /// Section `recompute`.
    package struct Recompute: Equatable, Sendable {
        package enum Mode: String, ConfigurationChoice { case none, selective, full }

        package var mode = Mode.none

        package init() {}
    }

    /// Section `stability`.
    package struct Stability: Equatable, Sendable {
        package var zLoss = 0.0
        package var embeddingGradientScale = 1.0
        package var spikeRollback = false

        package init() {}
    }
}

extension TrainingConfiguration.Precision: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("compute", \.compute, "the type of products and activations"),
            ConfigurationKey("loss_scale", \.lossScale, "f16: what the loss is multiplied by for the backward pass"),
        ]
    }
}

extension TrainingConfiguration.LossScale: ConfigurationValue {
    static var typeName: String { "dynamic, or a number from 1 to \(Int(LossScaler.greatest))" }

    init(_ node: ConfigurationNode) throws(InputError) {
        if case .scalar("dynamic", _) = node.content {
            self = .dynamic
            return
        }
        guard let value = try? Double(node), 1...LossScaler.greatest ~= value else { throw Self.wrongType(node) }
        self = .fixed(value)
    }

    var yaml: String {
        switch self {
        case .dynamic: "dynamic"
        case .fixed(let value): value.yaml
        }
    }
}

extension TrainingConfiguration.Recompute: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey(
                "mode", \.mode, "`selective`: norms, activations and gates are made again in the backward pass; `full`: whole blocks, of which inputs are kept")
        ]
    }
}

extension TrainingConfiguration.Stability: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey(
                "z_loss", \.zLoss, .between(0, 1000),
                "factor of log² of the softmax's divisor, added to the loss, but not to what is shown of it (PaLM: 1e-4)"),
            ConfigurationKey("embedding_gradient_scale", \.embeddingGradientScale, .between(0, 1), "factor of the embedding's gradient (GLM-130B: 0.1)"),
            ConfigurationKey("spike_rollback", \.spikeRollback, "go back to a checkpoint before a spike of the loss and pass over its batches (PaLM)"),
        ]
    }
}
