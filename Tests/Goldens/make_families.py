"""Tiny random models of the families with the logits that transformers computes in f32.
usage: make_families.py OUT_FOLDER"""
import json, pathlib, sys
import torch
import transformers
from safetensors.torch import save_file

out = pathlib.Path(sys.argv[1])
gpt = dict(vocab_size=97, n_embd=48, n_layer=2, n_head=4, n_positions=64)
small = dict(vocab_size=97, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64)
llama = dict(**small, intermediate_size=72, num_key_value_heads=2, head_dim=12, pad_token_id=0, eos_token_id=1)
bloom = dict(vocab_size=97, hidden_size=48, n_layer=2, n_head=4)
falcon = dict(**{**small, "max_position_embeddings": 400}, bias=False)
xglm = dict(vocab_size=97, d_model=48, num_layers=2, attention_heads=4, ffn_dim=72, max_position_embeddings=64)
opt = dict(**small, ffn_dim=72, pad_token_id=1)


def rope(**keys):
    return dict(rope_parameters=dict(rope_theta=10000.0, **keys))


# Name: class, keys, lengths of the sequences. Lengths above 256 show that Falcon's ALiBi rounds positions to bf16.
cases = {
    "gpt2-small": ("GPT2", gpt, (40, 7)),
    "gpt2-relu": ("GPT2", dict(**gpt, n_inner=60, activation_function="relu"), (40, 7)),
    "gpt2-untied": ("GPT2", dict(**gpt, activation_function="gelu", tie_word_embeddings=False), (40, 7)),
    "neox-parallel": ("GPTNeoX", dict(**small, intermediate_size=72, **rope(rope_type="default", partial_rotary_factor=0.5)), (40, 7)),
    "neox-sequential": ("GPTNeoX", dict(**small, intermediate_size=72, use_parallel_residual=False, **rope(
        rope_type="default", partial_rotary_factor=1.0)), (40, 7)),
    "neox-unbiased": ("GPTNeoX", dict(**small, intermediate_size=80, attention_bias=False, hidden_act="gelu_new", tie_word_embeddings=True,
                                      **rope(rope_type="linear", factor=2.0, partial_rotary_factor=0.5)), (40, 7)),
    "bloom-small": ("Bloom", bloom, (70, 7)),
    "bloom-odd-heads": ("Bloom", dict(bloom, n_head=6, n_layer=3), (40, 7)),
    "bloom-untied": ("Bloom", dict(bloom, tie_word_embeddings=False), (40, 7)),
    "falcon-multi-query": ("Falcon", falcon, (40, 7)),
    "falcon-grouped": ("Falcon", dict(falcon, new_decoder_architecture=True, num_kv_heads=2, ffn_hidden_size=72), (40, 7)),
    "falcon-grouped-one-norm": ("Falcon", dict(falcon, new_decoder_architecture=True, num_kv_heads=2, num_ln_in_parallel_attn=1,
                                               tie_word_embeddings=False), (40, 7)),
    "falcon-alibi": ("Falcon", dict(falcon, alibi=True, multi_query=False, parallel_attn=False, bias=True), (300, 7)),
    "gemma-multi-query": ("Gemma", dict(llama, num_key_value_heads=1), (40, 7)),
    "gemma-wide-heads": ("Gemma", dict(llama, head_dim=20), (40, 7)),
    "gemma-untied": ("Gemma", dict(llama, tie_word_embeddings=False, attention_bias=True), (40, 7)),
    "gemma2-caps": ("Gemma2", dict(llama, sliding_window=9, query_pre_attn_scalar=24, attn_logit_softcapping=5.0,
                                   final_logit_softcapping=3.0), (40, 7)),
    "gemma2-odd-layers": ("Gemma2", dict(llama, num_hidden_layers=3, sliding_window=5, query_pre_attn_scalar=12), (40, 7)),
    "gemma2-uncapped": ("Gemma2", dict(llama, sliding_window=9, attn_logit_softcapping=None, final_logit_softcapping=None), (40, 7)),
    "gemma3-windows": ("Gemma3Text", dict(llama, num_hidden_layers=7, sliding_window=9, query_pre_attn_scalar=24), (40, 7)),
    "gemma3-layer-types": ("Gemma3Text", dict(llama, sliding_window=5, query_pre_attn_scalar=12, layer_types=[
        "full_attention", "sliding_attention"]), (40, 7)),
    "gemma3-stretched": ("Gemma3Text", dict(llama, num_hidden_layers=3, sliding_window=9, layer_types=[
        "sliding_attention", "full_attention", "sliding_attention"], rope_parameters=dict(
        full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000000.0),
        sliding_attention=dict(rope_type="default", rope_theta=10000.0))), (40, 7)),
    "glm-small": ("Glm", dict(llama), (40, 7)),
    "glm-wide-heads": ("Glm", dict(llama, head_dim=20, num_key_value_heads=4, tie_word_embeddings=True), (40, 7)),
    "glm-unbiased": ("Glm", dict(llama, attention_bias=False, num_key_value_heads=1), (40, 7)),
    "glm4-small": ("Glm4", dict(llama), (40, 7)),
    "glm4-wide-heads": ("Glm4", dict(llama, head_dim=20), (40, 7)),
    "glm4-unbiased": ("Glm4", dict(llama, attention_bias=False, tie_word_embeddings=True), (40, 7)),
    "gptj-small": ("GPTJ", dict(gpt, rotary_dim=8), (40, 7)),
    "gptj-whole-heads": ("GPTJ", dict(gpt, rotary_dim=12, n_inner=60), (40, 7)),
    "gptj-erf": ("GPTJ", dict(gpt, rotary_dim=4, activation_function="gelu"), (40, 7)),
    "opt-small": ("OPT", opt, (40, 7)),
    "opt-post-norm": ("OPT", dict(opt, do_layer_norm_before=False, word_embed_proj_dim=32), (40, 7)),
    "opt-unbiased": ("OPT", dict(opt, enable_bias=False, tie_word_embeddings=False), (40, 7)),
    "phi3-small": ("Phi3", dict(small, intermediate_size=72, pad_token_id=0, eos_token_id=1), (40, 7)),
    "phi3-window": ("Phi3", dict(small, intermediate_size=72, num_key_value_heads=2, sliding_window=9, pad_token_id=0, eos_token_id=1), (40, 7)),
    "phi3-partial": ("Phi3", dict(small, intermediate_size=72, pad_token_id=0, eos_token_id=1, tie_word_embeddings=True, **rope(
        rope_type="default", partial_rotary_factor=0.5)), (40, 7)),
    # Scores scaled by the head's size, as GGUF files have them.
    "gemma3-usual-scale": ("Gemma3Text", dict(
        llama, hidden_size=24, intermediate_size=36, num_attention_heads=2, num_key_value_heads=1, num_hidden_layers=7, sliding_window=9,
        query_pre_attn_scalar=12, rope_parameters=dict(
            full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000000.0),
            sliding_attention=dict(rope_type="default", rope_theta=10000.0))), (40, 7)),
    "starcoder2-small": ("Starcoder2", dict(small, intermediate_size=72), (40, 7)),
    "starcoder2-window": ("Starcoder2", dict(small, intermediate_size=72, num_key_value_heads=1, sliding_window=9, tie_word_embeddings=False,
                                             **rope(rope_type="linear", factor=2.0)), (40, 7)),
    "starcoder2-unbiased": ("Starcoder2", dict(small, intermediate_size=80, num_key_value_heads=4, use_bias=False, hidden_act="gelu"), (40, 7)),
    "xglm-small": ("XGLM", xglm, (40, 7)),
    "xglm-unscaled": ("XGLM", dict(xglm, scale_embedding=False, tie_word_embeddings=False, activation_function="relu"), (40, 7)),
    "xglm-beyond": ("XGLM", dict(xglm, attention_heads=3, num_layers=3), (90, 7)),
}
models = {"GPT2": "GPT2LMHeadModel", "Gemma3Text": "Gemma3ForCausalLM"}
for seed, (name, (family, keys, lengths)) in enumerate(cases.items()):
    torch.manual_seed(seed)
    config = getattr(transformers, family + "Config")(**keys)
    # Falcon's eager path adds ALiBi twice, once by way of the mask (transformers 5.23).
    config._attn_implementation = "sdpa" if keys.get("alibi") else "eager"
    model = getattr(transformers, models.get(family, family + "ForCausalLM"))(config).eval().float()
    for key, parameter in model.named_parameters():
        spread = 0.2 if parameter.dim() > 1 else 0.1
        is_scale = parameter.dim() == 1 and key.endswith("weight") and not family.startswith("Gemma")
        parameter.data = torch.randn_like(parameter) * spread + (1.0 if is_scale else 0.0)
    model.tie_weights()
    folder = out / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    logits, ids = {}, []
    for index, length in enumerate(lengths):
        row = torch.randint(2, 97, (1, length))
        ids.append(row[0].tolist())
        with torch.no_grad():
            logits[f"logits.{index}"] = model(row).logits[0].contiguous()
    save_file(logits, folder / "expected.safetensors")
    (folder / "ids.json").write_text(json.dumps(ids))
