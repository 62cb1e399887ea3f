"""Trains transformers' LLaMA as `apus train CONFIG.yaml` does, and writes a metrics.jsonl like its own: the start is model.from, windows are
read out of the .bin files in order, and AdamW (decay of matrices alone), clipping and the cosine have the configuration's values. With bf16,
products and attention run under autocast; weights, gradients and moments are f32.

usage: torch_curve.py CONFIG.yaml METRICS.jsonl [--set SECTION.KEY=VALUE]... [--threads N]
       torch_curve.py CONFIG.yaml --start FOLDER     writes a random model of the configuration's shape, and ends"""
import argparse, json, math, pathlib, resource, time
import numpy
import torch
import yaml
from torch_step import model_of

DEFAULTS = dict(data=dict(sequence_length=256), batch=dict(micro=4, accumulate=2), precision=dict(compute="bf16"),
                optimizer=dict(learning_rate=3e-4, betas=[0.9, 0.95], epsilon=1e-8, weight_decay=0.1, gradient_clip=1.0),
                schedule=dict(warmup_steps=100, total_steps=1000, minimum_learning_rate=3e-5), log=dict(validate_every=200))


def read(path, overrides):
    keys = yaml.safe_load(open(path))
    for setting in overrides:
        name, value = setting.split("=", 1)
        section, key = name.split(".")
        keys.setdefault(section, {})[key] = yaml.safe_load(value)
    return {name: DEFAULTS.get(name, {}) | keys.get(name, {}) for name in DEFAULTS | keys}


def number(value):
    """YAML takes 1e-3 for a text."""
    return float(value)


def windows(prefixes, length):
    """Window w is the tokens from w · L to (w + 1) · L, that one included."""
    prefix = pathlib.Path(prefixes[0])
    code = pathlib.Path(f"{prefix}.idx").read_bytes()[17]
    tokens = numpy.memmap(f"{prefix}.bin", dtype={4: numpy.int32, 8: numpy.uint16}[code], mode="r")
    count = (len(tokens) - 1) // length

    def rows(first, some):
        return torch.from_numpy(numpy.stack([tokens[w % count * length:w % count * length + length + 1]
                                             for w in range(first, first + some)]).astype(numpy.int64))
    return rows, count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("metrics", nargs="?")
    parser.add_argument("--start")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    keys = read(arguments.config, arguments.set)
    if arguments.start:
        model_of(keys["model"]).save_pretrained(arguments.start)
        return
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained(keys["model"]["from"], attn_implementation="sdpa", dtype=torch.float32).train()
    model.config.use_cache = False
    o, s, b, length = keys["optimizer"], keys["schedule"], keys["batch"], keys["data"]["sequence_length"]
    groups = [dict(params=[p for p in model.parameters() if p.dim() > 1], weight_decay=number(o["weight_decay"])),
              dict(params=[p for p in model.parameters() if p.dim() < 2], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=1.0, betas=o["betas"], eps=number(o["epsilon"]), fused=True)
    train, _ = windows(keys["data"]["train"], length)
    held_out, held_out_count = windows(keys["data"]["validation"], length)
    peak, least, warmup, steps = number(o["learning_rate"]), number(s["minimum_learning_rate"]), s["warmup_steps"], s["total_steps"]

    def rate(step):
        if step <= warmup:
            return peak * step / warmup
        return least + (peak - least) * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2

    def loss_of(rows):
        with torch.autocast("cpu", torch.bfloat16, enabled=keys["precision"]["compute"] == "bf16"):
            logits = model(rows[:, :-1]).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), rows[:, 1:].flatten())

    def validation_loss():
        with torch.no_grad():
            losses = [(loss_of(rows).item(), len(rows)) for first in range(0, held_out_count, b["micro"])
                      for rows in [held_out(first, min(b["micro"], held_out_count - first))]]
        return sum(loss * count for loss, count in losses) / held_out_count

    tokens = 0
    with open(arguments.metrics, "w") as out:
        for step in range(1, steps + 1):
            start = time.perf_counter()
            for group in optimizer.param_groups:
                group["lr"] = rate(step)
            optimizer.zero_grad(set_to_none=True)
            total = 0.0
            for part in range(b["accumulate"]):
                loss = loss_of(train(((step - 1) * b["accumulate"] + part) * b["micro"], b["micro"])) / b["accumulate"]
                loss.backward()
                total += loss.item()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), number(o["gradient_clip"])).item()
            optimizer.step()
            count = b["micro"] * b["accumulate"] * length
            tokens += count
            line = dict(step=step, loss=total, gradient_norm=norm, learning_rate=rate(step), tokens=tokens,
                        tokens_per_second=count / (time.perf_counter() - start),
                        peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
            if step % keys["log"]["validate_every"] == 0 or step == steps:
                line["validation_loss"] = validation_loss()
            print(json.dumps(line), file=out, flush=True)


main()
