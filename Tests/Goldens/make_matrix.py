"""A tiny random model of each family for FamilyMatrixTests: rows of 32 elements, which fill quantised blocks, and weights that bf16 holds,
with the logits that transformers (ChatGLM: make_chatglm.py) computes in f32.
usage: make_matrix.py OUT_FOLDER"""
import json, pathlib, sys
import torch
import transformers
from safetensors.torch import load_file, save_file
import make_chatglm

out = pathlib.Path(sys.argv[1])
small = dict(vocab_size=97, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=64)
llama = dict(**small, intermediate_size=64, num_key_value_heads=1, head_dim=16, pad_token_id=0, eos_token_id=1)
gpt = dict(vocab_size=97, n_embd=32, n_layer=2, n_head=2, n_positions=64)
caps = dict(attn_logit_softcapping=5.0, final_logit_softcapping=3.0)
cases = {
    "llama": ("Llama", llama), "mistral": ("Mistral", dict(llama, sliding_window=9)), "qwen2": ("Qwen2", llama), "qwen3": ("Qwen3", llama),
    "gpt2": ("GPT2", gpt), "gpt_neox": ("GPTNeoX", dict(small, intermediate_size=64)),
    "bloom": ("Bloom", dict(vocab_size=97, hidden_size=32, n_layer=2, n_head=2)),
    "falcon": ("Falcon", dict(small, bias=False, new_decoder_architecture=True, num_kv_heads=1)),
    "gemma": ("Gemma", llama), "gemma2": ("Gemma2", dict(llama, sliding_window=9, query_pre_attn_scalar=16, **caps)),
    "gemma3": ("Gemma3Text", dict(llama, sliding_window=9, query_pre_attn_scalar=16, layer_types=["sliding_attention", "full_attention"])),
    "glm": ("Glm", llama), "glm4": ("Glm4", llama), "gptj": ("GPTJ", dict(gpt, rotary_dim=8)),
    "opt": ("OPT", dict(small, ffn_dim=64, pad_token_id=1)), "phi3": ("Phi3", dict(small, intermediate_size=64, pad_token_id=0, eos_token_id=1)),
    "starcoder2": ("Starcoder2", dict(small, intermediate_size=64)),
    "xglm": ("XGLM", dict(vocab_size=97, d_model=32, ffn_dim=64, num_layers=2, attention_heads=2, max_position_embeddings=64)),
}


def rounded(w):
    return {name: tensor.bfloat16().float() for name, tensor in w.items()}


def narrow(folder):
    """The file's weights in bf16; the configuration goes on calling them f32, which Gemma's scale of embeddings depends on."""
    save_file({name: tensor.bfloat16() for name, tensor in load_file(folder / "model.safetensors").items()}, folder / "model.safetensors",
              metadata={"format": "pt"})


for seed, (name, (family, keys)) in enumerate(cases.items()):
    torch.manual_seed(seed)
    config = getattr(transformers, family + "Config")(**keys)
    config._attn_implementation = "eager"
    model = getattr(transformers, {"GPT2": "GPT2LMHeadModel", "Gemma3Text": "Gemma3ForCausalLM"}.get(family, family + "ForCausalLM"))(config)
    model = model.eval().float()
    for key, parameter in model.named_parameters():
        spread = 0.2 if parameter.dim() > 1 else 0.1
        is_scale = parameter.dim() == 1 and key.endswith("weight") and not family.startswith("Gemma")
        parameter.data = (torch.randn_like(parameter) * spread + (1.0 if is_scale else 0.0)).bfloat16().float()
    model.tie_weights()
    folder = out / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    sequences = [torch.randint(2, 97, (1, length)) for length in (40, 7)]
    with torch.no_grad():
        save_file({f"logits.{i}": model(ids).logits[0].contiguous() for i, ids in enumerate(sequences)}, folder / "expected.safetensors")
    (folder / "ids.json").write_text(json.dumps([ids[0].tolist() for ids in sequences]))
    narrow(folder)
make_chatglm.WIDTH, make_chatglm.SIZE, make_chatglm.INNER = 32, 8, 64
torch.manual_seed(100)
w = rounded(make_chatglm.first_weights())
make_chatglm.save(out / "chatglm", make_chatglm.first_config(), w, make_chatglm.blanks(make_chatglm.MASK, ((12, 16, 9), (2, 3, 1))),
                  lambda ids: make_chatglm.first(w, ids))
w2 = rounded(make_chatglm.second_weights(2))
make_chatglm.save(out / "chatglm2", dict(make_chatglm.second_config(), multi_query_group_num=2), w2,
                  [torch.randint(0, 97, (length,)) for length in (40, 7)], lambda ids: make_chatglm.second(w2, ids, 2, 1))
for name in ("chatglm", "chatglm2"):
    narrow(out / name)
