"""Sketches (make_gradients.py) of the gradients that PyTorch computes in f64 for SmolLM2-135M-Instruct, its weights read from the GGUF file of
scripts/fetch-model.sh: of the mean cross-entropy of each next token of a text. transformers' norms, softmax and rotary angles, which go through
f32 whatever the type is, are replaced by f64. Prints how far PyTorch's own f32 is off.   usage: make_real_gradients.py MODEL.gguf GOLDENS_FOLDER"""
import json, pathlib, sys
import torch
import transformers.models.llama.modeling_llama as llama
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from make_gradients import sketch

TEXT = """The tides are the rise and fall of sea levels caused by the pull of the Moon and the Sun on the turning Earth. Most places
see two high waters and two low waters a day: in 1687 Newton explained why.

def tide(hours):
    return 2.1 * math.cos(2 * math.pi * hours / 12.42)  # metres

At new and full moon the two pulls add up, and the difference between high and low water is the greatest."""

path, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) / "smollm2"
source = dict(pretrained_model_name_or_path=str(path.parent), gguf_file=path.name)
ids = torch.tensor(AutoTokenizer.from_pretrained(**source)(TEXT, add_special_tokens=False).input_ids)


def run(model):
    loss = torch.nn.functional.cross_entropy(model(ids[None]).logits[0, :-1], ids[1:])
    loss.backward()
    return {name: sketch(p.grad) for name, p in model.named_parameters()} | {"loss": loss.detach().reshape(1)}


def norm(self, x):
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


def angles(self, x, position_ids):
    size = 2 * len(self.inv_freq)
    frequencies = self.config.rope_parameters["rope_theta"] ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    turns = torch.cat([position_ids[..., None].double() * frequencies] * 2, -1)
    return turns.cos(), turns.sin()


model = AutoModelForCausalLM.from_pretrained(**source, attn_implementation="eager", dtype=torch.float32).eval()
single = run(model)
model.zero_grad()
softmax = torch.nn.functional.softmax
torch.nn.functional.softmax = lambda x, dim=-1, dtype=None, **_: softmax(x, dim=dim)
llama.LlamaRMSNorm.forward, llama.LlamaRotaryEmbedding.forward = norm, angles
double = run(model.double())
out.mkdir(exist_ok=True)
(out / "ids.json").write_text(json.dumps([ids.tolist()]))
save_file({name: values.float() for name, values in double.items()}, out / "gradients.safetensors")
scale = max(values[0].item() for name, values in double.items() if name != "loss")
errors = {name: (single[name][1:].double() - values[1:].double()).pow(2).mean().sqrt().item() for name, values in double.items() if name != "loss"}
print(len(ids), "tokens, loss", double["loss"].item(), "largest norm", scale)
print("f32 is off by", max(errors.values()) / scale, "of it, by", max(e / double[name][0].item() for name, e in errors.items()), "of a tensor's own")
