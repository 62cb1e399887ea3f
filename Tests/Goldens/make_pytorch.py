"""Files of torch.save, and what is in them as safetensors; a tiny LLaMA as PyTorch's folder, sharded, and in Meta's layout, in one part and in two.
usage: make_pytorch.py OUT_FOLDER"""
import collections, json, pathlib, shutil, sys, tempfile
import torch
import transformers
from safetensors.torch import save_file

out = pathlib.Path(sys.argv[1])
out.mkdir(exist_ok=True)
torch.manual_seed(3)


def write(name, tensors):
    torch.save(tensors, out / f"{name}.bin")
    save_file({key: value.detach().clone().contiguous() for key, value in tensors.items() if value.dtype != torch.bool}, out / f"{name}.safetensors")


# Types, views of one storage, parameters, strides, scalars, nothing at all.
base = torch.randn(6, 5)
types = {str(dtype)[6:]: torch.randint(0, 100, (3, 2)).to(dtype) for dtype in (
    torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool)}
write("views", dict(
    types, whole=base, rows=base[2:4], column=base[:, 3], transposed=base.t(), steps=base[::2, 1::2], cube=torch.randn(2, 3, 4).permute(2, 0, 1),
    scalar=torch.tensor(2.5), empty=torch.zeros(0, 4), parameter=torch.nn.Parameter(torch.randn(4)), tied=base))
write("module", torch.nn.Sequential(collections.OrderedDict(a=torch.nn.Linear(3, 2), b=torch.nn.LayerNorm(2))).state_dict())
# As compute_crc32=False writes it.
torch.serialization.set_crc32_options(False)
write("unchecked", {"w": torch.randn(2, 2)})
torch.serialization.set_crc32_options(True)

config = transformers.LlamaConfig(
    vocab_size=32, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=24,
    max_position_embeddings=64, pad_token_id=0, eos_token_id=1, rms_norm_eps=1e-5)
config._attn_implementation = "eager"
model = transformers.LlamaForCausalLM(config).eval().float()
for key, parameter in model.named_parameters():
    parameter.data = torch.randn_like(parameter) * (0.3 if parameter.dim() > 1 else 0.1) + (0.0 if parameter.dim() > 1 else 1.0)
state = model.state_dict()
logits, ids = {}, []
for index, length in enumerate((20, 7)):
    row = torch.randint(2, 32, (1, length))
    ids.append(row[0].tolist())
    with torch.no_grad():
        logits[f"logits.{index}"] = model(row).logits[0].contiguous()


def folder(name):
    path = out / name
    path.mkdir(exist_ok=True)
    save_file(logits, path / "expected.safetensors")
    (path / "ids.json").write_text(json.dumps(ids))
    return path


with tempfile.TemporaryDirectory() as temporary:
    model.save_pretrained(temporary)
    for name in ("single", "sharded"):
        shutil.copy(pathlib.Path(temporary) / "config.json", folder(name) / "config.json")
buffers = {"model.position_ids": torch.arange(64), "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(2)}
torch.save(state | buffers, out / "single" / "pytorch_model.bin")
names = sorted(state)
halves = {f"pytorch_model-0000{n + 1}-of-00002.bin": names[n::2] for n in range(2)}
for file, keys in halves.items():
    torch.save({key: state[key].clone() for key in keys}, out / "sharded" / file)
(out / "sharded" / "pytorch_model.bin.index.json").write_text(json.dumps(dict(
    metadata=dict(total_size=sum(value.numel() * 4 for value in state.values())),
    weight_map={key: file for file, keys in halves.items() for key in keys})))

# Meta's names; rows of query and key heads in adjacent pairs.
renamed = {"model.embed_tokens": "tok_embeddings", "model.norm": "norm", "lm_head": "output"}
inner = dict(input_layernorm="attention_norm", post_attention_layernorm="ffn_norm", **{
    f"self_attn.{x}_proj": f"attention.w{x}" for x in "qkvo"}, **{"mlp.gate_proj": "feed_forward.w1", "mlp.down_proj": "feed_forward.w2",
                                                                  "mlp.up_proj": "feed_forward.w3"})
for layer in range(2):
    renamed |= {f"model.layers.{layer}.{key}": f"layers.{layer}.{value}" for key, value in inner.items()}


def interleaved(weight):
    return weight.view(-1, 2, 2, 16).transpose(1, 2).reshape(-1, 16).contiguous()


meta = {}
for key, value in state.items():
    module = key.removesuffix(".weight")
    meta[renamed[module] + ".weight"] = interleaved(value) if module.endswith(("q_proj", "k_proj")) else value.clone()
meta["rope.freqs"] = torch.ones(2)
torch.save(meta, folder("meta") / "consolidated.00.pth")
# 2 · 4 · 16 / 3 = 42, half of which is rounded up to 24.
params = json.dumps(dict(
    dim=16, multiple_of=8, ffn_dim_multiplier=0.5, n_heads=4, n_kv_heads=2, n_layers=2, norm_eps=1e-5, vocab_size=-1, max_seq_len=64))
(out / "meta" / "params.json").write_text(params)

# As two ranks of fairscale's tensor parallelism write it; LLaMA 1 and 2 divide the embedding by features, LLaMA 3 by tokens.
divided = dict.fromkeys(("wq", "wk", "wv", "w1", "w3", "output"), 0) | dict.fromkeys(("wo", "w2"), 1)
for name, embedding in (("meta-parts-2", 1), ("meta-parts-3", 0)):
    path = folder(name)
    (path / "params.json").write_text(params)
    for rank in range(2):
        dimensions = {key: (divided | {"tok_embeddings": embedding}).get(key.split(".")[-2]) for key in meta}
        torch.save({key: value if dimensions[key] is None else value.chunk(2, dimensions[key])[rank].clone() for key, value in meta.items()},
                   path / f"consolidated.0{rank}.pth")
