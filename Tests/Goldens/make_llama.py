"""Tiny random models of the LLaMA family with the logits that transformers computes in f32.
usage: make_llama.py OUT_FOLDER"""
import json, pathlib, sys
import torch
from safetensors.torch import save_file
from transformers import (LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM)

out = pathlib.Path(sys.argv[1])
small = dict(vocab_size=97, hidden_size=48, intermediate_size=72, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64)


def rope(**keys):
    return dict(rope_parameters=dict(rope_theta=10000.0, **keys))


cases = {
    "llama-mha": (LlamaConfig, LlamaForCausalLM, dict()),
    "llama-gqa-tied": (LlamaConfig, LlamaForCausalLM, dict(num_key_value_heads=2, tie_word_embeddings=True)),
    "llama-linear": (LlamaConfig, LlamaForCausalLM, rope(rope_type="linear", factor=2.5)),
    "llama-dynamic": (LlamaConfig, LlamaForCausalLM, dict(max_position_embeddings=16, **rope(rope_type="dynamic", factor=2.0))),
    "llama-yarn": (LlamaConfig, LlamaForCausalLM, rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)),
    "llama-llama3": (LlamaConfig, LlamaForCausalLM, rope(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                                        original_max_position_embeddings=32)),
    "llama-biases": (LlamaConfig, LlamaForCausalLM, dict(attention_bias=True, mlp_bias=True, num_key_value_heads=1)),
    "mistral-window": (MistralConfig, MistralForCausalLM, dict(sliding_window=9, num_key_value_heads=2, head_dim=10)),
    "qwen2-bias": (Qwen2Config, Qwen2ForCausalLM, dict(num_key_value_heads=2, tie_word_embeddings=True)),
    "qwen3-norms": (Qwen3Config, Qwen3ForCausalLM, dict(num_key_value_heads=2, head_dim=20)),
    "mistral-unwindowed": (MistralConfig, MistralForCausalLM, dict(sliding_window=None, num_key_value_heads=1, head_dim=14)),
    "mistral-tied": (MistralConfig, MistralForCausalLM, dict(sliding_window=3, num_key_value_heads=4, tie_word_embeddings=True, rms_norm_eps=1e-3)),
    "qwen2-windows": (Qwen2Config, Qwen2ForCausalLM, dict(num_key_value_heads=1, num_hidden_layers=3, use_sliding_window=True, sliding_window=5,
                                                          max_window_layers=1)),
    "qwen2-yarn": (Qwen2Config, Qwen2ForCausalLM, dict(num_key_value_heads=4, **rope(rope_type="yarn", factor=2.0,
                                                                                    original_max_position_embeddings=32))),
    "qwen3-windows": (Qwen3Config, Qwen3ForCausalLM, dict(num_key_value_heads=4, num_hidden_layers=3, head_dim=8, use_sliding_window=True,
                                                          sliding_window=7, max_window_layers=2, tie_word_embeddings=True)),
    "qwen3-biases": (Qwen3Config, Qwen3ForCausalLM, dict(num_key_value_heads=1, head_dim=18, attention_bias=True,
                                                         **rope(rope_type="linear", factor=1.5))),
}
for seed, (name, (config_class, model_class, keys)) in enumerate(cases.items()):
    torch.manual_seed(seed)
    config = config_class(**{**small, **keys})
    config._attn_implementation = "eager"
    model = model_class(config).eval().float()
    for key, parameter in model.named_parameters():
        spread = 0.2 if parameter.dim() > 1 else 0.1
        parameter.data = torch.randn_like(parameter) * spread + (1.0 if "norm" in key else 0.0)
    model.tie_weights()
    folder = out / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    logits, ids = {}, []
    for index, length in enumerate((40, 7)):
        row = torch.randint(0, 97, (1, length))
        ids.append(row[0].tolist())
        with torch.no_grad():
            logits[f"logits.{index}"] = model(row).logits[0].contiguous()
    save_file(logits, folder / "expected.safetensors")
    (folder / "ids.json").write_text(json.dumps(ids))
