import ApusBase
import ApusDescription

/// LLaMA 1/2/3 and those that differ from it by values alone: Mistral, SmolLM, Qwen2 and Qwen3.
enum Llama {
    /// `model_type` of config.json, and general.architecture of GGUF.
    static let names: Set<String> = ["llama", "mistral", "qwen2", "qwen3"]

    /// Keys that say nothing about what is computed.
    private static let harmless: Set<String> = [
        "_name_or_path", "architectures", "attention_dropout", "bos_token_id", "chunk_size_feed_forward", "dtype", "eos_token_id",
        "id2label", "initializer_range", "is_encoder_decoder", "is_llama_config", "label2id", "max_window_layers", "model_type",
        "output_attentions", "output_hidden_states", "pad_token_id", "pretraining_tp", "problem_type", "return_dict",
        "rope_interleaved", "torch_dtype", "transformers_version", "transformers.js_config", "unk_token_id", "use_cache",
    ]

    /// Keys that change what is computed in ways not built here.
    private static let refused: Set<String> = [
        "quantization_config", "num_local_experts", "num_experts", "rope_ratio", "logit_scale", "embedding_multiplier",
        "residual_multiplier", "attention_multiplier", "partial_rotary_factor", "no_rope_layers", "kv_lora_rank",
    ]

    static func description(of config: inout ConfigReader, modelType: String) throws(InputError) -> (DecoderDescription, [String]) {
        let width = try config.required(config.int("hidden_size"), "hidden_size")
        let heads = try config.required(config.int("num_attention_heads", in: 1...65536), "num_attention_heads")
        let kvHeads = try config.int("num_key_value_heads", in: 1...65536) ?? heads
        guard heads % kvHeads == 0 else { throw config.error("num_key_value_heads", "\(heads) query heads cannot share \(kvHeads)") }
        let headSize = try config.int("head_dim", in: 2...65536) ?? width / heads
        guard headSize % 2 == 0 else { throw config.error("head_dim", "\(headSize) is odd, and rotary positions need pairs") }
        let layerCount = try config.required(config.int("num_hidden_layers", in: 1...100_000), "num_hidden_layers")
        let context = try config.int("max_position_embeddings") ?? 2048
        let rotary = try RotaryConfig.read(&config, headSize: headSize, context: context)
        let bias = try config.bool("attention_bias") ?? false
        let windows = try windows(&config, modelType: modelType, layerCount: layerCount)
        let feedForward = FeedForwardDescription(
            width: try config.required(config.int("intermediate_size"), "intermediate_size"), gatedBy: try activation(&config),
            bias: try config.bool("mlp_bias") ?? false)
        let layers = windows.map { window in
            LayerDescription(
                attention: AttentionDescription(
                    heads: heads, kvHeads: kvHeads, headSize: headSize, window: window, inputBias: bias || modelType == "qwen2",
                    outputBias: bias && modelType != "qwen2", queryKeyNorm: modelType == "qwen3"),
                feedForward: feedForward)
        }
        let description = DecoderDescription(
            architecture: modelType, vocabularySize: try config.required(config.int("vocab_size"), "vocab_size"), width: width,
            contextLength: context, norm: .rms(epsilon: Float(try config.double("rms_norm_eps") ?? 1e-6)), position: .rotary(rotary),
            layers: layers, tiedHead: try config.bool("tie_word_embeddings") ?? false)
        for key in config.unusedKeys where refused.contains(key) {
            if config.value(key) != nil { throw config.error(key, "changes what the model computes and is not supported for \(modelType)") }
        }
        return (description, config.unusedKeys.filter { !harmless.contains($0) && !refused.contains($0) })
    }

    private static func activation(_ config: inout ConfigReader) throws(InputError) -> FeedForwardDescription.Activation {
        switch try config.string("hidden_act") {
        case nil, "silu"?, "swish"?: return .silu
        case "gelu_pytorch_tanh"?, "gelu_new"?: return .geluTanh
        case let other?: throw config.error("hidden_act", "\(other) is not known", remedy: "silu and gelu_pytorch_tanh are")
        }
    }

    /// The window of each layer. Qwen's configs carry one that `use_sliding_window` switches on from `max_window_layers` on.
    private static func windows(_ config: inout ConfigReader, modelType: String, layerCount: Int) throws(InputError) -> [Int?] {
        let window = try config.int("sliding_window")
        let switched = try config.bool("use_sliding_window") ?? (modelType == "mistral")
        let first = modelType == "mistral" ? 0 : try config.int("max_window_layers", in: 0...100_000) ?? 28
        let kinds = config.value("layer_types")
        var all = (0..<layerCount).map { switched && $0 >= first ? window : nil }
        guard let kinds else { return all }
        guard let names = kinds.array, names.count == layerCount else {
            throw config.error("layer_types", "a list of \(layerCount) kinds is needed")
        }
        for (i, name) in names.enumerated() {
            switch name.string {
            case "full_attention"?: all[i] = nil
            case "sliding_attention"?: all[i] = try config.required(window, "sliding_window")
            default: throw config.error("layer_types", "\(name.serialized()) is not known")
            }
        }
        return all
    }
}
