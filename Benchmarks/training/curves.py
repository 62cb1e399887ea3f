#!/usr/bin/env python3
"""Draws the losses of runs (metrics.jsonl) as one SVG, and prints how far each is from the first in a table in Markdown: the largest relative
difference of a step's losses and of means over 50 steps (both behind the first 50 steps), the mean of the last 50 steps, the last validation
loss.

Usage: curves.py OUT.svg [--title TEXT] [--validation] NAME=METRICS.jsonl...      --validation: draw validation losses instead
"""
import argparse
import json
import math

COLORS = ["#2f6bde", "#e0711c", "#7c55d3", "#12867a", "#c23b77", "#66707f"]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 920, 380, 52, 16, 56, 30
SPAN = 50


def read(path, key):
    """(step, value) of the lines that have it, those of steps gone back over left out."""
    values = {}
    for line in map(json.loads, open(path)):
        if line.get(key) is not None:
            values[line["step"]] = line[key]
    return sorted(values.items())


def means(points, span=SPAN):
    """Means over the last `span` points, of fewer at the start."""
    return [(step, sum(value for _, value in points[max(0, i + 1 - span):i + 1]) / min(span, i + 1)) for i, (step, _) in enumerate(points)]


def thinned(points, limit=300):
    return points[::max(1, len(points) // limit)] + points[-1:]


def ticks(low, high, count):
    raw = (high - low) / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    return [step * i for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def svg(title, runs, has_dots):
    last = max(points[-1][0] for _, points in runs)
    shown = sorted(value for _, points in runs for _, value in points)
    low, high = shown[0], shown[min(len(shown) - 1, int(len(shown) * (1 if has_dots else 0.97)))]
    margin = (high - low or abs(high) or 1) * 0.05
    low, high = low - margin, high + margin

    def x(step):
        return f"{LEFT + step / last * (WIDTH - LEFT - RIGHT):.1f}"

    def y(value):
        return f"{HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - BOTTOM - TOP):.1f}"

    text = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="12">',
            "<style>.page{fill:#fff}text{fill:#1b2430}.tick{fill:#66707f}.grid{stroke:#e4e7ec}.line{fill:none;stroke-width:1.6;stroke-linejoin:round}"
            "@media(prefers-color-scheme:dark){.page{fill:#171e27}text{fill:#e5eaf1}.tick{fill:#8f9baa}.grid{stroke:#27303c}}</style>",
            f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="8"/><text x="{LEFT}" y="22" font-size="15" font-weight="600">{title}</text>',
            f'<clipPath id="c"><rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM + 2}"/></clipPath>']
    for value in ticks(low, high, 6):
        text.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value)}" y2="{y(value)}"/>'
                    f'<text class="tick" x="{LEFT - 8}" y="{y(value)}" dy="4" text-anchor="end">{value:g}</text>')
    for step in ticks(0, last, 10):
        text.append(f'<text class="tick" x="{x(step)}" y="{HEIGHT - 10}" text-anchor="middle">{step:g}</text>')
    text.append('<g clip-path="url(#c)">')
    for (name, points), color in zip(runs, COLORS):
        path = "L".join(f"{x(step)} {y(value)}" for step, value in thinned(points))
        text.append(f'<path class="line" stroke="{color}" d="M{path}"/>')
        if has_dots:
            text += [f'<circle cx="{x(step)}" cy="{y(value)}" r="3" fill="{color}"/>' for step, value in points]
    text.append("</g>")
    place = LEFT
    for (name, points), color in zip(runs, COLORS):
        label = f"{name} {points[-1][1]:.3f}"
        text.append(f'<circle cx="{place + 5}" cy="40" r="5" fill="{color}"/><text x="{place + 15}" y="44">{label}</text>')
        place += 32 + 6.6 * len(label)
    return "\n".join(text + ["</svg>", ""])


def percent(share):
    return f"{100 * share:.2g}%"


def table(files):
    rows = ["| run | largest difference of a step | of means over 50 | mean of the last 50 | | validation | |", "|---|---|---|---|---|---|---|"]
    first = None
    for name, path in files:
        losses, validation = dict(read(path, "loss")), read(path, "validation_loss")
        smooth = dict(means(sorted(losses.items())))
        final = smooth[max(smooth)], validation[-1][1] if validation else math.nan
        if first is None:
            first = losses, smooth, final
            rows.append(f"| {name} | | | {final[0]:.4f} | | {final[1]:.4f} | |")
            continue
        behind = [step for step in losses if step > SPAN and step in first[0]]
        raw, mean = (max(abs(own[step] / reference[step] - 1) for step in behind) for own, reference in ((losses, first[0]), (smooth, first[1])))
        ends = [f"{value:.4f} | {100 * (value / reference - 1):+.3f}%" for value, reference in zip(final, first[2])]
        rows.append(f"| {name} | {percent(raw)} | {percent(mean)} | {' | '.join(ends)} |")
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--title", default="Loss")
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("runs", nargs="+", type=lambda text: text.split("=", 1))
    arguments = parser.parse_args()
    key = "validation_loss" if arguments.validation else "loss"
    curves = [(name, read(path, key)) for name, path in arguments.runs]
    with open(arguments.out, "w") as out:
        out.write(svg(arguments.title, [(name, points if arguments.validation else means(points)) for name, points in curves], arguments.validation))
    if len(arguments.runs) > 1:
        print(table(arguments.runs))


main()
