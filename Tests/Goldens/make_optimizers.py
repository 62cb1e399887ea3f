"""Twenty steps of each optimizer on small parameters, and learning rates of each schedule.    usage: make_optimizers.py OUT_FOLDER
AdamW, SGD and Muon are torch's, Adafactor and the schedules transformers'; Lion is written out from its paper (Chen et al. 2023). Muon's
products are in f32 here (`muon`) or as torch has them, in bf16 (`muon-bf16`)."""
import json, pathlib, sys
import torch
import torch.optim._muon
import transformers.optimization as tr
from safetensors.torch import save_file

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
STEPS, SCALE = 20, 0.5
SHAPES = {"wide": (6, 10), "tall": (10, 6), "embedding": (9, 5), "norm": (5,)}
torch.manual_seed(1)
start = {name: torch.randn(shape) * 0.5 for name, shape in SHAPES.items()}
gradients = {name: torch.randn(STEPS, *shape) * 10.0 ** torch.linspace(-2, 1, STEPS).view(-1, *[1] * len(shape)) for name, shape in SHAPES.items()}
tensors = {f"start.{name}": value for name, value in start.items()} | {f"gradients.{name}": value for name, value in gradients.items()}


class Lion(torch.optim.Optimizer):
    def __init__(self, groups, betas):
        super().__init__(groups, {"betas": betas})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
                beta1, beta2 = group["betas"]
                direction = (beta1 * momentum + (1 - beta1) * p.grad).sign()
                p -= group["lr"] * (direction + group["weight_decay"] * p)
                momentum.mul_(beta2).add_(p.grad, alpha=1 - beta2)


def run(name, make):
    parameters = {key: torch.nn.Parameter(value.clone()) for key, value in start.items()}
    optimizers = make(parameters)
    for step in range(STEPS):
        for key, p in parameters.items():
            p.grad = gradients[key][step] * SCALE
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                if group["lr"] is not None:
                    group["lr"] = 0.01 * (1 + 0.1 * (step + 1))
            optimizer.step()
    for key, p in parameters.items():
        tensors[f"{name}.{key}"] = p.detach()


def groups(p, decay, names=SHAPES):
    pick = lambda is_matrix: [p[key] for key in names if (len(SHAPES[key]) == 2) == is_matrix]
    return [{"params": pick(True), "weight_decay": decay, "lr": 1.0}, {"params": pick(False), "weight_decay": 0.0, "lr": 1.0}]


adamw = lambda p, names=SHAPES: torch.optim.AdamW(groups(p, 0.1, names), betas=(0.9, 0.95), eps=1e-8)
run("adamw", lambda p: [adamw(p)])
run("lion", lambda p: [Lion(groups(p, 0.1), (0.9, 0.99))])
run("sgd", lambda p: [torch.optim.SGD(groups(p, 0.01), momentum=0.0)])
run("sgd-momentum", lambda p: [torch.optim.SGD(groups(p, 0.01), momentum=0.9)])
run("sgd-nesterov", lambda p: [torch.optim.SGD(groups(p, 0.01), momentum=0.9, nesterov=True)])
run("adafactor", lambda p: [tr.Adafactor(groups(p, 0.1), scale_parameter=False, relative_step=False)])
relative = lambda p: [group | {"lr": None} for group in groups(p, 0.1)]
run("adafactor-relative", lambda p: [tr.Adafactor(relative(p), scale_parameter=True, relative_step=True)])


def muon(p):
    hidden = torch.optim.Muon([p["wide"], p["tall"]], weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    return [hidden, adamw(p, ["embedding", "norm"])]


run("muon-bf16", muon)


class Precise(torch.Tensor):
    def bfloat16(self):
        return self.as_subclass(torch.Tensor).clone()


in_bf16 = torch.optim._muon._zeropower_via_newtonschulz
torch.optim._muon._zeropower_via_newtonschulz = lambda g, *rest: in_bf16(g.as_subclass(Precise), *rest)
run("muon", muon)
save_file(tensors, out / "steps.safetensors")


def rates(make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = make(optimizer)
    values = []
    for _ in range(1, 71):
        optimizer.step()
        schedule.step()
        values.append(optimizer.param_groups[0]["lr"])
    return values


json.dump({
    "constant": rates(lambda o: tr.get_constant_schedule_with_warmup(o, 7)),
    "cosine": rates(lambda o: tr.get_cosine_with_min_lr_schedule_with_warmup(o, 7, 50, min_lr=0.2)),
    "linear": rates(lambda o: tr.get_linear_schedule_with_warmup(o, 7, 50)),
    "wsd": rates(lambda o: tr.get_wsd_schedule(o, 7, 13, num_stable_steps=30, decay_type="linear", min_lr_ratio=0.1)),
    "inverseSquareRoot": rates(lambda o: tr.get_inverse_sqrt_schedule(o, 7)),
}, open(out / "schedules.json", "w"))
