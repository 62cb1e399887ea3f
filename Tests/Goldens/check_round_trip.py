"""Whether transformers computes the same logits from what `apus convert` writes of the golden models: a folder made of their folder, and one
made of the GGUF file that was made of it. Prints the greatest difference, relative to the range of the logits; of encoders, of the states.
usage: check_round_trip.py APUS [NAME …]"""
import json, pathlib, subprocess, sys, tempfile
import torch
import transformers
from safetensors.torch import load_file

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
goldens = pathlib.Path(__file__).parent


def convert(source, target):
    done = subprocess.run([sys.argv[1], "convert", str(source), str(target), "--type", "f32"], capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1].split(": ", 2)[-1]


def difference(folder, golden):
    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] == "chatglm":
        return "not known to transformers"
    # Falcon's eager path adds ALiBi twice (transformers 5.23).
    attention = "sdpa" if config.get("alibi") else "eager"
    kind = {"encoders": transformers.AutoModel, "t5": transformers.AutoModelForSeq2SeqLM}.get(golden.parent.name, transformers.AutoModelForCausalLM)
    model, told = kind.from_pretrained(folder, attn_implementation=attention, dtype=torch.float32, output_loading_info=True)
    # GGUF files of encoders have no pooler, which transformers makes anew then.
    odd = {key: names for key, names in told.items() if names and not all("pooler" in name for name in names)}
    if odd:
        return f"LOADED WITH {odd}"
    expected, worst = load_file(golden / "expected.safetensors"), 0.0
    for index, ids in enumerate(json.loads((golden / "ids.json").read_text())):
        wanted = expected[f"states.{index}" if golden.parent.name == "encoders" else f"logits.{index}"]
        with torch.no_grad():
            if golden.parent.name == "encoders":
                actual = model.eval()(torch.tensor([ids])).last_hidden_state[0]
            elif golden.parent.name == "t5":
                actual = model.eval()(input_ids=torch.tensor([ids["text"]]), decoder_input_ids=torch.tensor([ids["answer"]])).logits[0]
            else:
                actual = model.eval()(torch.tensor([ids])).logits[0]
        worst = max(worst, ((actual - wanted).abs().max() / (wanted.max() - wanted.min())).item())
    return f"{worst:.1e}" if worst <= 1e-5 else f"{worst:.1e} DIFFERS"


names = sys.argv[2:]
for golden in sorted(folder for part in ("llama", "families", "matrix", "encoders", "t5") for folder in (goldens / part).iterdir()):
    if names and golden.name not in names or not (golden / "ids.json").exists() or golden.name == "training":
        continue
    with tempfile.TemporaryDirectory() as temporary:
        folder, gguf, back = (pathlib.Path(temporary) / name for name in ("folder", "a.gguf", "back"))
        first = convert(golden, folder) or difference(folder, golden)
        refusal = convert(golden, gguf) or convert(gguf, back)
        print(f"{golden.parent.name + '/' + golden.name:34} folder {first:28} by GGUF {refusal or difference(back, golden)}", flush=True)
