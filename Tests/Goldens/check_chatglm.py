"""Compares the goldens of ChatGLM, which rest on make_chatglm.py's plain reference, with the code that was released with the weights, run on
the same tiny models in f32.

RELEASED holds two packages, chatglm (of THUDM/chatglm-6b: configuration_chatglm.py, modeling_chatglm.py, quantization.py) and chatglm2 (the
same files of THUDM/chatglm2-6b or chatglm3-6b; those of chatglm3-6b-32k know rope_ratio as well). They are not part of the project: take
them from the models' own repositories or a copy. They need transformers of their time (4.33.3).

usage: check_chatglm.py RELEASED [GOLDENS]"""
import importlib, json, pathlib, sys
import torch
from safetensors.torch import load_file

released = pathlib.Path(sys.argv[1]).resolve()
goldens = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).parent / "families"
sys.path.insert(0, str(released))
worst = 0.0
for folder in sorted(goldens.glob("chatglm*")):
    if (folder / "channels.json").exists():
        continue  # the released code takes one blank
    package = folder.name.split("-")[0]
    keys = json.loads((folder / "config.json").read_text())
    if "rope_ratio" in keys and "rope_ratio" not in (released / package / "modeling_chatglm.py").read_text():
        print(f"{folder.name}: left out, as this release knows no rope_ratio")
        continue
    config = importlib.import_module(package + ".configuration_chatglm").ChatGLMConfig(**keys)
    model = importlib.import_module(package + ".modeling_chatglm").ChatGLMForConditionalGeneration(config, empty_init=False).float().eval()
    result = model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    for layer in getattr(model.transformer, "layers", []):
        layer.num_layers = keys["num_layers"]  # its blocks take the 28 layers of the published model for granted
    # Tables of angles are made, not loaded.
    assert not result.unexpected_keys and all("inv_freq" in key for key in result.missing_keys), result
    expected = load_file(folder / "expected.safetensors")
    for index, ids in enumerate(json.loads((folder / "ids.json").read_text())):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        wanted = expected[f"logits.{index}"]
        error = ((logits - wanted).abs().max() / (wanted.max() - wanted.min())).item()
        worst = max(worst, error)
        print(f"{folder.name}, sequence {index}: {error:.1e} of the range of logits")
print(f"worst: {worst:.1e}")
sys.exit(worst > 1e-4)
