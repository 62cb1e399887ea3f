import ApusBase
import ApusDescription

extension Gemma {
    /// What transformers calls each family.
    private static let classes = ["gemma": "GemmaForCausalLM", "gemma2": "Gemma2ForCausalLM", "gemma3_text": "Gemma3ForCausalLM"]

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0], attention = layer.attention, type = description.architecture
        var config: JSONObject = [
            "architectures": .array([.string(classes[type]!)]), "model_type": .string(type), "vocab_size": .integer(description.vocabularySize),
            "hidden_size": .integer(description.width), "intermediate_size": .integer(layer.feedForward.width),
            "num_hidden_layers": .integer(description.layers.count), "num_attention_heads": .integer(attention.heads),
            "num_key_value_heads": .integer(attention.kvHeads), "head_dim": .integer(attention.headSize),
            "attention_bias": .bool(attention.inputBias), "hidden_act": .string("gelu_pytorch_tanh"),
            "hidden_activation": .string("gelu_pytorch_tanh"), "max_position_embeddings": .integer(description.contextLength),
            "rms_norm_eps": .decimal(description.norm.epsilon), "tie_word_embeddings": .bool(description.head!.tied),
        ]
        if type != "gemma" {
            let windows = description.layers.map(\.attention.window)
            let scalar = attention.scale.map { 1 / ($0 * $0) } ?? Float(attention.headSize)
            config["query_pre_attn_scalar"] = .integer(Int(scalar.rounded()))
            config["sliding_window"] = windows.lazy.compactMap { $0 }.first.map { .integer($0) } ?? .null
            config["layer_types"] = .array(windows.map { .string($0 == nil ? "full_attention" : "sliding_attention") })
            config["attn_logit_softcapping"] = attention.softCap.map { .decimal($0) } ?? .null
            config["final_logit_softcapping"] = description.head!.softCap.map { .decimal($0) } ?? .null
        }
        if type == "gemma3_text" {
            let local = description.layers.lazy.compactMap(\.position).first
            if case .rotary(let rotary) = local ?? description.position { config["rope_local_base_freq"] = .number(rotary.base) }
        }
        try RotaryConfig.write(description, to: &config, subject: source.path)
        return config
    }
}
