import ApusBase
import ApusDescription

/// What the configurations of several families say in the same words.
extension ConfigReader {
    /// Keys that say nothing about what is computed in an answer.
    private static let harmless: Set<String> = [
        "_attn_implementation", "_name_or_path", "add_cross_attention", "architectures", "attention_dropout", "attn_pdrop", "auto_map",
        "bad_words_ids", "bos_token_id", "chunk_size_feed_forward", "classifier_dropout", "cross_attention_hidden_size",
        "decoder_start_token_id", "dropout", "dtype", "embd_pdrop", "embedding_dropout", "eos_token_id", "finetuning_task", "forced_bos_token_id",
        "forced_eos_token_id", "gradient_checkpointing", "hidden_dropout", "id2label", "initializer_range", "is_decoder",
        "is_encoder_decoder", "label2id", "layerdrop", "length_penalty", "max_length", "min_length", "model_type", "num_labels",
        "output_attentions", "output_hidden_states", "output_scores", "pad_token_id", "prefix", "pretraining_tp", "problem_type",
        "pruned_heads", "remove_invalid_values", "resid_pdrop", "return_dict", "return_dict_in_generate", "sep_token_id",
        "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
        "task_specific_params", "tokenizer_class", "torch_dtype", "torchscript", "transformers.js_config", "transformers_version",
        "unk_token_id", "use_bfloat16", "use_cache",
    ]

    /// Keys that change what is computed in ways that no family here has, or that a family here must ask for itself.
    private static let refused: Set<String> = [
        "alibi", "attention_multiplier", "attn_logit_softcapping", "embedding_multiplier", "ffn_dim_multiplier", "final_logit_softcapping",
        "kv_lora_rank", "logit_scale", "logits_scaling", "lora_args", "moe", "moe_intermediate_size", "no_rope_layers", "num_experts", "num_local_experts",
        "parallel_attn", "partial_rotary_factor", "qk_layernorm", "quantization_args", "quantization_bit", "quantization_config", "residual_multiplier",
        "rope_ratio",
        "rotary_dim", "rotary_pct", "use_parallel_residual",
    ]

    /// Keys that nobody asked for and that seem to change nothing.
    /// - Throws: an `InputError` for one that changes what is computed.
    func unknownKeys() throws(InputError) -> [String] {
        let unknown = unusedKeys.filter { !Self.harmless.contains($0) && !isNull($0) }
        if let key = unknown.first(where: Self.refused.contains) {
            throw error(key, "changes what the model computes and is not supported for this model_type")
        }
        return unknown
    }

    /// Keys of this family that say nothing about what is computed.
    mutating func ignore(_ keys: String...) { for key in keys { _ = value(key) } }

    /// - Throws: an `InputError` unless the key is absent or has this value, the only one that is built here.
    mutating func expect(_ key: String, _ wanted: JSON) throws(InputError) {
        guard let value = value(key), value != wanted else { return }
        throw error(key, "\(value.serialized()) is not supported", remedy: "only \(wanted.serialized()) is")
    }

    mutating func heads(_ key: String = "num_attention_heads") throws(InputError) -> Int {
        try required(int(key, in: 1...65536), key)
    }

    mutating func layerCount(_ key: String = "num_hidden_layers") throws(InputError) -> Int {
        try required(int(key, in: 1...100_000), key)
    }

    /// The window of each layer: as `layer_types` says, where it is stated.
    mutating func layerWindows(_ window: Int?, default windows: [Int?]) throws(InputError) -> [Int?] {
        guard let kinds = value("layer_types") else { return windows }
        guard let names = kinds.array, names.count == windows.count else {
            throw error("layer_types", "a list of \(windows.count) kinds is needed")
        }
        var all: [Int?] = []
        for name in names {
            switch name.string {
            case "full_attention"?: all.append(nil)
            case "sliding_attention"?: all.append(try required(window, "sliding_window"))
            default: throw error("layer_types", "\(name.serialized()) is not known")
            }
        }
        return all
    }

    /// A width that heads share.
    mutating func width(_ key: String = "hidden_size", heads: Int) throws(InputError) -> Int {
        let width = try required(int(key), key)
        guard width % heads == 0 else { throw error(key, "\(width) cannot be parted among \(heads) heads") }
        return width / heads * heads
    }

    mutating func requiredInt(_ key: String) throws(InputError) -> Int { try required(int(key), key) }

    mutating func epsilon(_ key: String, default value: Double) throws(InputError) -> Float {
        let epsilon = try double(key) ?? value
        guard epsilon >= 0, epsilon < 1 else { throw error(key, "\(epsilon) is not from 0 to 1") }
        return Float(epsilon)
    }

    /// The activation of the feed-forward network, by transformers' names.
    mutating func activation(_ key: String, default name: String) throws(InputError) -> FeedForwardDescription.Activation {
        switch try string(key) ?? name {
        case "silu", "swish": .silu
        case "gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu_python_tanh": .geluTanh
        case "gelu", "gelu_python": .geluErf
        case "relu": .relu
        case let other: throw error(key, "\(other) is not known", remedy: "silu, gelu, gelu_new, gelu_pytorch_tanh and relu are")
        }
    }
}

extension FeedForwardDescription.Activation {
    /// What transformers calls it.
    var transformersName: String {
        switch self {
        case .silu: "silu"
        case .geluTanh: "gelu_new"
        case .geluErf: "gelu"
        case .relu: "relu"
        }
    }
}
