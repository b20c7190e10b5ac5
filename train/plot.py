"""Draws what train.py logged: python plot.py ../build/train/3m writes loss.svg, exact.svg and keys.svg beside the CSV files."""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def read(path):
    with open(path) as f:
        return list(csv.DictReader(f))


def smooth(values, n=25):
    """The mean of the last n values, at every place."""
    return [sum(values[max(0, i - n + 1) : i + 1]) / len(values[max(0, i - n + 1) : i + 1]) for i in range(len(values))]


def figure(path, rows, columns, ylabel, draw, stages):
    fig, ax = plt.subplots(figsize=(8, 4.5))
    draw(ax, rows, *columns)
    top = ax.get_ylim()[1]
    for tokens, name in stages:
        ax.axvline(tokens / 1e6, color="0.8", linewidth=1, zorder=0)
        ax.text(tokens / 1e6, top, " " + name, fontsize=7, color="0.4", va="top", rotation=90)
    ax.set_xlabel("million tokens")
    ax.set_ylabel(ylabel)
    ax.legend(fontsize=7, ncol=2)
    fig.savefig(path, bbox_inches="tight")
    plt.close(fig)


def losses(ax, rows, *columns):
    for column in columns:
        kept = [(float(r["tokens"]) / 1e6, float(r[column])) for r in rows if r[column] != "nan"]
        ax.plot([x for x, _ in kept], smooth([y for _, y in kept]), label=column)


def by(key, column):
    def draw(ax, rows):
        lines = defaultdict(list)
        for r in rows:
            lines[r[key]].append((float(r["tokens"]) / 1e6, float(r[column])))
        for name, points in lines.items():
            ax.plot(*zip(*points), label=f"{key} {name}" if name.isdigit() else name)
        ax.set_ylim(0, 1.02)

    return draw


def main():
    folder = Path(sys.argv[1])
    log = read(folder / "log.csv")
    stages, last = [], None
    for r in log:
        if r["stage"] != last:
            last = r["stage"]
            stages.append((float(r["tokens"]), f"{last} {r['length']}"))
    figure(folder / "loss.svg", log, ("text", "answer"), "loss, nats per token", losses, stages)
    figure(folder / "exact.svg", read(folder / "exact.csv"), (), "exact free-running answers", by("task", "exact"), stages)
    figure(folder / "keys.svg", read(folder / "keys.csv"), (), "neighbouring keys with cos > 0.75", by("layer", "share"), stages)


if __name__ == "__main__":
    main()
