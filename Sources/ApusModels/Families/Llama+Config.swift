import ApusBase
import ApusCheckpoints
import ApusDescription

extension Llama {
    /// What transformers calls each family.
    private static let classes = [
        "llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
    ]

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0]
        let attention = layer.attention
        // GGUF's llama stands for Mistral as well.
        let type = description.architecture == "llama" && attention.window != nil ? "mistral" : description.architecture
        func refuse(_ what: String) -> InputError {
            InputError(source.path, "\(what), for which the configuration of \(type) has no words", remedy: "convert to a .gguf file")
        }
        guard description.layers.allSatisfy({ $0 == layer }) else { throw refuse("its layers differ") }
        guard (attention.queryKeyNorm != nil) == (type == "qwen3") else { throw refuse("it has norms of queries and keys, or lacks them") }
        let biases = (attention.inputBias, attention.outputBias)
        guard type == "qwen2" ? biases == (true, false) : type == "mistral" ? biases == (false, false) : biases.0 == biases.1 else {
            throw refuse("some of its attention's projections have biases")
        }
        guard !layer.feedForward.bias || type == "llama" else { throw refuse("its feed-forward network has biases") }
        guard case .rotary(let rotary) = description.position, rotary.dimensions == attention.headSize else {
            throw refuse("its rotary positions turn a part of each head")
        }
        guard case .rms(let epsilon, 0) = description.norm else { throw refuse("its norm") }
        var config: JSONObject = [
            "architectures": .array([.string(classes[type]!)]), "model_type": .string(type), "vocab_size": .integer(description.vocabularySize),
            "hidden_size": .integer(description.width), "intermediate_size": .integer(layer.feedForward.width),
            "num_hidden_layers": .integer(description.layers.count), "num_attention_heads": .integer(attention.heads),
            "num_key_value_heads": .integer(attention.kvHeads), "head_dim": .integer(attention.headSize),
            "hidden_act": .string(layer.feedForward.activation == .silu ? "silu" : "gelu_pytorch_tanh"),
            "max_position_embeddings": .integer(description.contextLength), "rms_norm_eps": .number(Double("\(epsilon)")!),
            "tie_word_embeddings": .bool(description.head.tied), "attention_dropout": .number(0), "initializer_range": .number(0.02),
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
        try RotaryConfig.write(rotary, context: description.contextLength, to: &config, subject: source.path)
        for name in ["bos", "eos"] {
            let id = try source.gguf?.int("tokenizer.ggml.\(name)_token_id")
            config["\(name)_token_id"] = id.map { .integer($0) } ?? .null
        }
        return config
    }
}
