"""Whether the `tensorboard` package reads from a run's event files what `metrics.jsonl` holds.
usage: check_tensorboard.py RUN: the folder with metrics.jsonl and tensorboard/"""
import json, math, pathlib, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

TAGS = {
    "loss": "loss/train", "validation_loss": "loss/validation", "learning_rate": "optimizer/learning_rate",
    "gradient_norm": "optimizer/gradient_norm", "loss_scale": "optimizer/loss_scale", "tokens_per_second": "speed/tokens_per_second", "mfu": "speed/mfu",
    "peak_rss_bytes": "memory/peak_rss_bytes"}
run = pathlib.Path(sys.argv[1])
records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
accumulator = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
accumulator.Reload()
faults = 0
for key, tag in TAGS.items():
    expected = {record["step"]: record[key] for record in records if key in record}
    found = {event.step: event.value for event in accumulator.Scalars(tag)} if tag in accumulator.Tags()["scalars"] else {}
    same = found.keys() == expected.keys() and all(
        math.isclose(found[step], value, rel_tol=1e-6) if value is not None else not math.isfinite(found[step]) for step, value in expected.items())
    print(f"{tag}: {len(found)} values, {'as in metrics.jsonl' if same else 'OTHERS THAN IN metrics.jsonl'}")
    faults += not same
for tag in accumulator.Tags()["tensors"]:
    text = accumulator.Tensors(tag)[0].tensor_proto.string_val[0].decode()
    print(f"{tag}: a text of {len(text)} characters")
sys.exit(1 if faults else 0)
