#!/usr/bin/env python3
"""Measures how the cost of training grows with the sequence: tokens/s and memory against T, one sequence a step, by `apus bench --train`.

Adds what it measured to the file of --results, prints all of that as a table in Markdown, with a straight line through the memory of each type
(least squares) and how far the measured points lie off it, and draws docs/growth-speed.svg and docs/growth-memory.svg.

Usage: growth.py --results FILE [--types f32,bf16] [--lengths 256,512,...] [--preset llama-15m] [--threads 2]
With --types "" nothing is measured: what the file holds is printed and drawn.
"""
import argparse
import json
import math
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLORS = {"f32": "#c2410c", "bf16": "#1d4ed8", "f16": "#15803d"}


def measure(arguments, dtype, length):
    command = [ROOT / ".build/release/apus", "bench", "--train", "--preset", arguments.preset, "--sequence-length", length, "--micro-batch", 1,
               "--compute", dtype, "--threads", arguments.threads, "--repetitions", 3 if length < 4096 else 1, "--output", "json"]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def line(points):
    """The straight line through points by least squares: its value at 0, its slope, and the largest distance of a point from it, relative."""
    n, mx, my = len(points), sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
    slope = sum((x - mx) * (y - my) for x, y in points) / sum((x - mx) ** 2 for x, _ in points) if n > 1 else 0
    start = my - slope * mx
    return start, slope, max(abs(start + slope * x - y) / y for x, y in points)


def nice(limit):
    """A round number at or above a limit, and the step of four or five ticks up to it."""
    step = 10.0 ** (len(str(int(limit))) - 2)
    while limit / step > 5:
        step *= 2 if str(step)[0] in "15" else 2.5
    return step * -(-limit // step), step


def svg(path, title, unit, series, lengths, lines=None):
    """A chart of curves over T: by powers of two, or with `lines`, which are drawn dashed, evenly."""
    width, height, left, right, top, bottom = 640, 340, 64, 16, 44, 44
    highest, step = nice(max(y for points in series.values() for _, y in points))
    scale, ticks = (math.log2, lengths) if lines is None else (float, [x for x in lengths if x >= lengths[-1] / 8])
    first, last = (scale(lengths[0]) if lines is None else 0), scale(lengths[-1])

    def place(x, y):
        share = (scale(x) - first) / max(last - first, 1e-9)
        return left + share * (width - left - right), height - bottom - y / highest * (height - top - bottom)

    def path_of(points):
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in (place(*point) for point in points))

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" fill="#444">',
           f'<rect width="{width}" height="{height}" fill="#fff"/>', f'<text x="{left}" y="22" font-size="15" fill="#111">{title}</text>']
    value = 0.0
    while value <= highest * 1.001:
        y = place(lengths[0], value)[1]
        out.append(f'<path d="M{left} {y:.1f}H{width - right}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        value += step
    for x in ticks:
        out.append(f'<text x="{place(x, 0)[0]:.1f}" y="{height - bottom + 18}" text-anchor="middle">{x}</text>')
    out.append(f'<text x="{(left + width - right) / 2:.0f}" y="{height - 8}" text-anchor="middle">T, tokens of a sequence</text>')
    out.append(f'<text x="{width - right}" y="22" text-anchor="end">{unit}</text>')
    for points in lines or []:
        out.append(f'<path d="{path_of(points)}" fill="none" stroke="#888" stroke-dasharray="4 4"/>')
    for index, (name, points) in enumerate(series.items()):
        out.append(f'<path d="{path_of(points)}" fill="none" stroke="{COLORS[name]}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLORS[name]}"/>' for x, y in (place(*point) for point in points)]
        out.append(f'<text x="{left + 8 + 56 * index}" y="{top - 6}" fill="{COLORS[name]}" font-weight="bold">{name}</text>')
    path.write_text("\n".join(out) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", required=True, type=pathlib.Path)
    parser.add_argument("--types", type=lambda text: [part for part in text.split(",") if part], default=["f32", "bf16"])
    parser.add_argument("--lengths", type=lambda text: [int(part) for part in text.split(",")], default=[256, 512, 1024, 2048, 4096, 8192])
    parser.add_argument("--preset", default="llama-15m")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    results = json.loads(arguments.results.read_text()) if arguments.results.exists() else []
    for dtype in arguments.types:
        for length in arguments.lengths:
            results = [r for r in results if (r["compute"], r["sequence_length"]) != (dtype, length)] + [measure(arguments, dtype, length)]
            arguments.results.write_text(json.dumps(results))
    results.sort(key=lambda r: (r["compute"], r["sequence_length"]))
    print("| type | T | tokens/s | MFU | GEMM share | GEMM of peak | peak GFLOP/s | memory MB | activations MB |\n|---|---|---|---|---|---|---|---|---|")
    for r in results:
        print(f"| {r['compute']} | {r['sequence_length']} | {r['tokens_per_second']:.0f} | {100 * r['mfu']:.1f}% | {100 * r['gemm_share']:.0f}% | "
              f"{100 * r['gemm_of_peak']:.0f}% | {r['peak_operations_per_second'] / 1e9:.0f} | {r['peak_rss_bytes'] / 1e6:.0f} | "
              f"{r['activation_bytes'] / 1e6:.1f} |")
    speed, memory, lines = {}, {}, []
    lengths = sorted({r["sequence_length"] for r in results})
    for dtype in sorted({r["compute"] for r in results}):
        own = [r for r in results if r["compute"] == dtype]
        speed[dtype] = [(r["sequence_length"], r["tokens_per_second"]) for r in own]
        memory[dtype] = [(r["sequence_length"], r["peak_rss_bytes"] / 1e6) for r in own]
        start, slope, distance = line(memory[dtype])
        lines.append([(x, start + slope * x) for x in (0, lengths[-1])])
        print(f"\n{dtype}: memory is {start:.0f} MB and {1000 * slope:.1f} kB a token; no point lies more than {100 * distance:.1f}% off that line.")
    svg(ROOT / "docs/growth-speed.svg", f"{arguments.preset}: speed of training", "tokens/s", speed, lengths)
    svg(ROOT / "docs/growth-memory.svg", f"{arguments.preset}: memory of training, and straight lines through it", "MB", memory, lengths, lines)


main()
