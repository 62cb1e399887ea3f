#!/usr/bin/env python3
"""Measures attention in training, forward and backward, against PyTorch's scaled_dot_product_attention on the same numbers, taking turns.

The kernels are compiled to a shared library in .build/attention. Causal attention of one sequence, heads of 64; PyTorch has its tensors as
it likes them best, [1, heads, T, 64] side by side, Apus [T, heads, 64]; each lies in memory as its engine asks for it, Apus' in huge pages
(Storage.swift). In bf16 the inputs and the outputs that are kept are bf16; Apus' outputs and gradients are f32. Each turn runs both engines
once; the figures are medians, the ratio is PyTorch's time over Apus'. The roofline (apus_roofline_compute) is measured before and after.
Prints a table in Markdown; a multiplication and an addition count as two operations, and the backward pass as 2.5 times the forward one.

Usage: attention.py [--heads 9] [--kv-heads 9] [--tokens 256,512,2048,4096] [--types f32,bf16] [--threads 2] [--repetitions 7] [--isa BEST]
--isa: number of enum apus_isa. Needs clang (or CC), PyTorch and an otherwise idle machine.
"""
import argparse
import concurrent.futures
import ctypes
import datetime
import mmap
import os
import pathlib
import statistics
import subprocess
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZE = 64
BARS = {"f32": 1.3, "bf16": 1.8}
TYPES = {"f32": (0, torch.float32), "bf16": (1, torch.bfloat16)}  # enum apus_dtype
POINTER, LENGTH, COUNT, NUMBER = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_int


def structure(name, **fields):
    return type(name, (ctypes.Structure,), {"_fields_": list(fields.items())})


# As in apus_kernels.h and apus_training.h.
Attention = structure(
    "Attention", heads=NUMBER, kv_heads=NUMBER, head_size=NUMBER, kv_dtype=NUMBER, scale=ctypes.c_float, window=COUNT, soft_cap=ctypes.c_float,
    slopes=POINTER, slopes_in_bf16=ctypes.c_bool, distances=POINTER, reach=COUNT, segments=POINTER, segment_count=NUMBER)
Dropout = structure("Dropout", threshold=ctypes.c_uint32, site=ctypes.c_uint32, key=ctypes.c_uint64)
Sequence = structure(
    "Sequence", queries=POINTER, keys=POINTER, values=POINTER, dtype=NUMBER, query_stride=LENGTH, key_stride=LENGTH, value_stride=LENGTH,
    out=POINTER, out_stride=LENGTH, log_sums=POINTER, queries_count=COUNT, keys_count=COUNT, prefix=COUNT, dropout=Dropout)
Attended = structure(
    "Attended", queries=POINTER, keys=POINTER, values=POINTER, out=POINTER, dtype=NUMBER, query_stride=LENGTH, key_stride=LENGTH,
    value_stride=LENGTH, out_stride=LENGTH, log_sums=POINTER, out_gradient=POINTER, out_gradient_stride=LENGTH, query_gradient=POINTER,
    key_gradient=POINTER, value_gradient=POINTER, query_gradient_stride=LENGTH, key_gradient_stride=LENGTH, value_gradient_stride=LENGTH,
    queries_count=COUNT, keys_count=COUNT, prefix=COUNT, dropout=Dropout)


def compiled(folder):
    """The kernels, compiled again where a source is newer."""
    folder.mkdir(parents=True, exist_ok=True)
    sources, objects = ROOT / "Sources/CApusKernels", []
    headers = max(header.stat().st_mtime for header in sources.rglob("*.h"))
    for source in sorted(sources.glob("*.c")):
        object_file = folder / f"{source.stem}.o"
        objects.append(object_file)
        if not object_file.exists() or object_file.stat().st_mtime < max(headers, source.stat().st_mtime):
            subprocess.run([os.environ.get("CC", "clang"), "-std=gnu17", "-D_GNU_SOURCE", "-O3", "-fPIC", f"-I{sources}/include", "-c", source,
                            "-o", object_file], check=True)
    library = folder / "kernels.so"
    subprocess.run([os.environ.get("CC", "clang"), "-shared", *objects, "-o", library, "-lm", "-lpthread"], check=True)
    kernels = ctypes.CDLL(str(library))
    for name in ("apus_pool_create", "apus_kernels_best", "apus_kernels_for"):
        getattr(kernels, name).restype = POINTER
    kernels.apus_kernels_name.restype, kernels.apus_kernels_name.argtypes = ctypes.c_char_p, [POINTER]
    kernels.apus_roofline_compute.restype, kernels.apus_roofline_compute.argtypes = ctypes.c_double, [POINTER, NUMBER, COUNT]
    kernels.apus_attend_training.argtypes = [POINTER, POINTER, NUMBER, POINTER, POINTER, NUMBER]
    kernels.apus_attend_backward.argtypes = [POINTER, POINTER, NUMBER, POINTER, POINTER, NUMBER, POINTER]
    return kernels


def roofline(library, kernels, threads):
    """Operations a second that all threads reach at once with products in registers, the best of three, f32 and bf16."""
    def reached(kind, rounds=3_000_000):
        start = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            done = sum(pool.map(lambda _: library.apus_roofline_compute(kernels, kind, rounds), range(threads)))
        return done / (time.perf_counter() - start)
    return {name: max(reached(kind) for _ in range(3)) for name, kind in (("f32", 0), ("bf16", 1))}


def placed(tensor):
    """A copy in memory as Apus allocates it."""
    memory = mmap.mmap(-1, -(-tensor.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=tensor.dtype, count=tensor.numel()).view(tensor.shape).copy_(tensor)


class Case:
    """One sequence's tensors, and a forward and a backward pass of either engine over them."""

    def __init__(self, arguments, library, kernels, pool, kind, tokens):
        self.library, self.kernels, self.pool = library, kernels, pool
        self.number, self.type = TYPES[kind]
        heads, kv_heads = arguments.heads, arguments.kv_heads
        shapes = [(tokens, heads, SIZE), (tokens, kv_heads, SIZE), (tokens, kv_heads, SIZE)]
        self.inputs = [placed(torch.randn(shape).to(self.type)) for shape in shapes]
        self.out, self.log_sums = placed(torch.zeros(shapes[0])), placed(torch.zeros(tokens, heads))
        self.kept = self.out if self.type == torch.float32 else placed(self.out.to(self.type))
        self.out_gradient = placed(torch.randn(shapes[0]))
        self.gradients = [placed(torch.zeros(shape)) for shape in shapes]
        self.shape = Attention(heads=heads, kv_heads=kv_heads, head_size=SIZE, scale=SIZE**-0.5)
        self.peer_inputs = [x.transpose(0, 1)[None].clone(memory_format=torch.contiguous_format).requires_grad_() for x in self.inputs]
        self.peer_gradient = self.out_gradient.to(self.type).transpose(0, 1)[None].contiguous()
        self.grouped, self.count = heads != kv_heads, tokens

    def common(self):
        strides = [x.stride(0) for x in self.inputs]
        return dict(zip(("queries", "keys", "values"), [x.data_ptr() for x in self.inputs]), dtype=self.number, query_stride=strides[0],
                    key_stride=strides[1], value_stride=strides[2], out_stride=strides[0], log_sums=self.log_sums.data_ptr(),
                    queries_count=self.count, keys_count=self.count)

    def forward(self):
        sequence = Sequence(out=self.out.data_ptr(), **self.common())
        self.library.apus_attend_training(self.kernels, self.pool, self.number, ctypes.byref(self.shape), ctypes.byref(sequence), 1)

    def backward(self):
        gradients = {f"{name}_gradient": x.data_ptr() for name, x in zip(("query", "key", "value"), self.gradients)}
        strides = {f"{name}_gradient_stride": x.stride(0) for name, x in zip(("query", "key", "value"), self.gradients)}
        attended = Attended(out=self.kept.data_ptr(), out_gradient=self.out_gradient.data_ptr(), out_gradient_stride=self.out_gradient.stride(0),
                            **gradients, **strides, **self.common())
        self.library.apus_attend_backward(self.kernels, self.pool, self.number, ctypes.byref(self.shape), ctypes.byref(attended), 1, None)

    def keep(self):
        self.kept.copy_(self.out)

    def peer_forward(self):
        self.peer_out = torch.nn.functional.scaled_dot_product_attention(*self.peer_inputs, is_causal=True, enable_gqa=self.grouped)

    def peer_backward(self):
        self.peer_gradients = torch.autograd.grad(self.peer_out, self.peer_inputs, self.peer_gradient)

    def check(self, kind):
        """Both engines compute the same."""
        for own, peer in zip([self.out, *self.gradients], [self.peer_out.detach(), *self.peer_gradients]):
            peer = peer[0].transpose(0, 1).float()
            difference = float((own - peer).norm() / peer.norm())
            if difference > (1e-4 if kind == "f32" else 0.02):
                raise SystemExit(f"attention.py: {kind}, {self.count} tokens: the engines differ by {difference:.2g}")


def seconds(function):
    time.sleep(0.01)  # the other engine's threads spin a while when done
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measured(case, repetitions):
    """Median seconds of each pass of each engine."""
    times = {name: [] for name in ("forward", "backward", "peer_forward", "peer_backward")}
    for turn in range(repetitions + 1):
        for name in times:
            took = seconds(getattr(case, name))
            if turn:
                times[name].append(took)
            if name == "forward":
                case.keep()
    return {name: statistics.median(list_) for name, list_ in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, default=9)
    parser.add_argument("--kv-heads", type=int, default=9)
    parser.add_argument("--tokens", default="256,512,2048,4096")
    parser.add_argument("--types", default="f32,bf16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--isa", type=int)
    arguments = parser.parse_args()
    library = compiled(ROOT / ".build/attention")
    pool = library.apus_pool_create(arguments.threads)
    kernels = library.apus_kernels_best() if arguments.isa is None else library.apus_kernels_for(arguments.isa)
    if not kernels:
        raise SystemExit("attention.py: this processor lacks that instruction set")
    torch.set_num_threads(arguments.threads)
    before = roofline(library, kernels, arguments.threads)
    print(f"{library.apus_kernels_name(kernels).decode()}; {arguments.threads} threads; {arguments.heads} heads, {arguments.kv_heads} of keys and "
          f"values; PyTorch {torch.__version__}; {datetime.date.today()}; {arguments.repetitions} repetitions.\n")
    print("| type | T | forward ms | PyTorch | ratio | backward ms | PyTorch | ratio | GFLOP/s | both: ratio | bar | met |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for kind in arguments.types.split(","):
        for tokens in map(int, arguments.tokens.split(",")):
            case = Case(arguments, library, kernels, pool, kind, tokens)
            t = measured(case, arguments.repetitions)
            case.check(kind)
            operations = 2 * arguments.heads * tokens * tokens * SIZE
            own, peer = t["forward"] + t["backward"], t["peer_forward"] + t["peer_backward"]
            print(f"| {kind} | {tokens} | {t['forward'] * 1e3:.2f} | {t['peer_forward'] * 1e3:.2f} | {t['peer_forward'] / t['forward']:.2f} "
                  f"| {t['backward'] * 1e3:.2f} | {t['peer_backward'] * 1e3:.2f} | {t['peer_backward'] / t['backward']:.2f} "
                  f"| {3.5 * operations / own / 1e9:.0f} | {peer / own:.2f} | {BARS[kind]} | {'yes' if peer / own >= BARS[kind] else 'no'} |", flush=True)
    after = roofline(library, kernels, arguments.threads)
    for name, line in (("before", before), ("after", after)):
        print(f"\nRoofline {name}: {line['f32'] / 1e9:.0f} GFLOP/s f32, {line['bf16'] / 1e9:.0f} bf16.")


if __name__ == "__main__":
    main()
