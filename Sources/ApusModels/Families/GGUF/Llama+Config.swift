import ApusBase
import ApusDescription

extension Llama {
    /// What transformers calls each family.
    private static let classes = [
        "llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
    ]

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0], attention = layer.attention
        // GGUF's llama stands for Mistral as well.
        let type = description.architecture == "llama" && attention.window != nil ? "mistral" : description.architecture
        var config: JSONObject = [
            "architectures": .array([.string(classes[type]!)]), "model_type": .string(type), "vocab_size": .integer(description.vocabularySize),
            "hidden_size": .integer(description.width), "intermediate_size": .integer(layer.feedForward.width),
            "num_hidden_layers": .integer(description.layers.count), "num_attention_heads": .integer(attention.heads),
            "num_key_value_heads": .integer(attention.kvHeads), "head_dim": .integer(attention.headSize), "hidden_act": .string("silu"),
            "max_position_embeddings": .integer(description.contextLength), "rms_norm_eps": .decimal(description.norm.epsilon),
            "tie_word_embeddings": .bool(description.head!.tied), "attention_dropout": .number(0), "initializer_range": .number(0.02),
            "use_cache": .bool(true),
        ]
        if type == "llama" || type == "qwen3" { config["attention_bias"] = .bool(attention.inputBias) }
        if type == "llama" { config["mlp_bias"] = .bool(layer.feedForward.bias) }
        if type == "mistral" { config["sliding_window"] = attention.window.map { .integer($0) } ?? .null }
        if type.hasPrefix("qwen"), let window = attention.window {
            config["use_sliding_window"] = .bool(true)
            config["sliding_window"] = .integer(window)
            config["max_window_layers"] = .integer(0)
        }
        try RotaryConfig.write(description, to: &config, subject: source.path)
        return config
    }
}
