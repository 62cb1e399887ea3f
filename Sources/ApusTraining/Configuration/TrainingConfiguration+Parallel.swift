extension TrainingConfiguration {
    /// Section `parallel`.
    package struct Parallel: Equatable, Sendable {
        package enum PipelineSchedule: String, ConfigurationChoice {
            case gpipe
            case oneForwardOneBackward = "1f1b"
            case interleaved, zero_bubble
        }
        package enum Offload: String, ConfigurationChoice { case none, cpu, disk }

        package var data: Int?
        package var tensor = 1
        package var sequence = false
        package var context = 1
        package var pipeline = 1
        package var schedule = PipelineSchedule.oneForwardOneBackward
        package var virtualStages = 1
        package var zero = 0
        package var offload = Offload.none
        package var deviceMemory: Int?

        package init() {}
    }

    /// Section `adapter`.
    package struct Adapter: Equatable, Sendable {
        package enum Method: String, ConfigurationChoice {
            case none, lora, prefix, prompt, p_tuning, bottleneck, parallel, llama_adapter, ia3
        }

        package var method = Method.none

        package init() {}
    }
}

extension TrainingConfiguration.Parallel: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("data", \.data, .optional(.atLeast(1)), "ranks that have batches of their own; null: ranks / (tensor · pipeline)"),
            ConfigurationKey("tensor", \.tensor, .atLeast(1), "ranks that share each matrix"),
            ConfigurationKey("sequence", \.sequence, "the ranks of `tensor` share norms and residuals by sequence"),
            ConfigurationKey("context", \.context, .atLeast(1), "ranks that share each sequence"),
            ConfigurationKey("pipeline", \.pipeline, .atLeast(1), "ranks that share the blocks; the microbatches are `batch.accumulate`"),
            ConfigurationKey("schedule", \.schedule, "order of the pipeline's passes"),
            ConfigurationKey("virtual_stages", \.virtualStages, .atLeast(1), "interleaved: parts of the model on each rank of the pipeline"),
            ConfigurationKey("zero", \.zero, .between(0, 3), "what the ranks of `data` share: 1 moments, 2 gradients too, 3 parameters too"),
            ConfigurationKey("offload", \.offload, "where moments and parameters are kept"),
            ConfigurationKey("device_memory", \.deviceMemory, .optional(.atLeast(1)), "bytes that a rank may take at most; null: any"),
        ]
    }
}

extension TrainingConfiguration.Adapter: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] { [ConfigurationKey("method", \.method, "how the model is adapted; none: its own parameters are trained")] }
}
