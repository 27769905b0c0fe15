"""The benchmark's results as pictures."""

from pathlib import Path
from typing import Any, Dict, List

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

OURS, PEER = "#2a9d78", "#9aa5b1"


def draw(results: Dict[str, Any], out: Path) -> None:
    """results (Dict): What `run.py` saves. out (Path): Where the PNG files go."""
    _bars(results, out / "speed.png")
    if "scaling" in results:
        _scaling(results["scaling"], out / "scaling.png")


def draw_silence(results: List[Dict[str, Any]], path: Path) -> None:
    """results (List[Dict]): What `silence.py` saves. path (Path): The PNG file."""
    names = list(results[0]["false_alarms"])
    figure, axis = plt.subplots(figsize=(7, 3.2))
    left_out = {row["left_out"]: row["false_alarms"] for row in results}
    for offset, label, color in ((0.2, "seen in training", OURS), (-0.2, "left out", PEER)):
        rows = [left_out.get(None if color == OURS else name) for name in names]
        places = [i + offset for i, row in enumerate(rows) if row]
        shares = [100 * row[name] for row, name in zip(rows, names) if row]
        bars = axis.barh(places, shares, height=0.38, color=color, label=label)
        axis.bar_label(bars, [f" {share:.2f} %" for share in shares], fontsize=8)
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel("% of ordinary messages in which a query was found")
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0.15)
    axis.legend(frameon=False)
    _save(figure, path)


def draw_ablation(results: Dict[str, Dict[str, List[float]]], path: Path) -> None:
    """results (Dict): F1 by variant, task and seed, from `ablation.py`. path (Path):
    The PNG file."""
    variants = list(results)[::-1]
    tasks = list(results[variants[0]])
    figure, axes = plt.subplots(1, len(tasks), figsize=(2 + 4 * len(tasks), 4), sharey=True)
    axes = axes if len(tasks) > 1 else [axes]
    for axis, task in zip(axes, tasks):
        for place, variant in enumerate(variants):
            scores = [100 * score for score in results[variant][task]]
            axis.scatter(scores, [place] * len(scores), color=PEER, s=14)
            mean = sum(scores) / len(scores)
            axis.plot([mean, mean], [place - 0.3, place + 0.3], color=OURS, linewidth=3)
        axis.set_title(task, fontsize=10)
        axis.set_xlabel("F1 on CAIS valid: each seed, and the mean")
        axis.grid(axis="x", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(variants)), variants)
    _save(figure, path)


def draw_reliability(bins: List[Dict[str, float]], error: float, path: Path) -> None:
    """bins (List[Dict]): What `calibration.py` measured. error (float): Its mean.
    path (Path): The PNG file."""
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(5, 6), sharex=True, height_ratios=(3, 1)
    )
    scores = [b["score"] for b in bins]
    top.plot([0, 1], [0, 1], color=PEER, linestyle=":", label="perfect")
    top.plot(scores, [b["right"] for b in bins], color=OURS, marker="o", label="measured")
    top.set(ylabel="share that is right", title=f"expected calibration error {error:.3f}")
    top.legend(frameon=False)
    bottom.bar(scores, [b["n"] for b in bins], width=0.04, color=OURS)
    bottom.set(xlabel="score", ylabel="queries", xlim=(0, 1), yscale="log")
    _save(figure, path)


def draw_learning_curve(rows: List[Dict[str, Any]], names: List[str], path: Path) -> None:
    """rows (List[Dict]): What `learning_curve.py` measured. names (List[str]): The
    starts. path (Path): The PNG file."""
    figure, axis = plt.subplots(figsize=(6, 4))
    for name, color in zip(names, (OURS, PEER)):
        points = [
            (row["messages"], 100 * row[name]["ents_f"]) for row in rows if name in row
        ]
        axis.plot(*zip(*points), "o-", color=color, label=name)
    axis.set_xscale("symlog", linthresh=10)
    axis.set(xlabel="messages to train on", ylabel="F1 on CAIS valid")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    _save(figure, path)


def draw_own_messages(means: List[Dict[str, Any]], path: Path) -> None:
    """means (List[Dict]): What `own_messages.py` measured, a row for each kind and size.
    path (Path): The PNG file."""
    kinds = sorted({row["kind"] for row in means})
    figure, axes = plt.subplots(1, len(kinds), figsize=(5 * len(kinds), 3.6), squeeze=False)
    for axis, kind in zip(axes[0], kinds):
        rows = [row for row in means if row["kind"] == kind]
        for name in rows[0]["change"]:
            points = [(row["size"], row["change"][name]) for row in rows]
            is_own = name == kind
            axis.plot(
                *zip(*points),
                "o-" if is_own else ".--",
                linewidth=2 if is_own else 1,
                label=f"{name}: unseen" if is_own else name,
            )
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set_xscale("log")
        axis.set(title=kind, xlabel="messages to train on", ylabel="change in points")
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize=8)
    _save(figure, path)


def draw_lexicon(rows: List[Dict[str, str]], path: Path) -> None:
    """rows (List[Dict]): What `lexicon.py` measured. path (Path): The PNG file."""
    names = [row["catalogue"] for row in rows]
    figure, axes = plt.subplots(1, 3, figsize=(12, 2.8), sharey=True)
    for axis, key in zip(axes, ("F1", "recall on new queries", "false alarms on chat")):
        values = [float(row[key].split()[0]) for row in rows]
        axis.bar_label(axis.barh(names, values, color=OURS), fontsize=8)
        axis.set_title(key, fontsize=10)
        axis.margins(x=0.2)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    _save(figure, path)


def draw_forgetting(rows: List[Dict[str, Any]], tasks: List[str], path: Path) -> None:
    """rows (List[Dict]): What `forgetting.py` measured. tasks (List[str]): In the order
    they were learnt. path (Path): The PNG file."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    columns = [*tasks, "false alarms"]
    figure, axes = plt.subplots(1, len(columns), figsize=(3 * len(columns), 3.4))
    for axis, column in zip(axes, columns):
        for method in methods:
            points = [
                (tasks.index(row["learnt"]), 100 * row[column])
                for row in rows
                if row["method"] == method and column in row
            ]
            style = ":" if method == "joint" else "o-"
            axis.plot(*zip(*points), style, label=method, markersize=4)
        axis.set_xticks(range(len(tasks)), tasks, fontsize=7)
        axis.set_title(column if column == "false alarms" else f"F1, {column}", fontsize=10)
        axis.set_xlabel("after")
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize=7)
    _save(figure, path)


def _bars(results: Dict[str, Any], path: Path) -> None:
    systems = results["systems"]
    names = list(systems)
    colors = [OURS if name == "music_query" else PEER for name in names]
    panels = (
        ("messages", 1, "messages a second, one thread"),
        ("p50", 1000, "milliseconds for one message (p50)"),
        ("cold_start", 1, "seconds to the first entity"),
        ("cold_peak_mb", 1, "MB of memory"),
    )
    figure, axes = plt.subplots(1, 4, figsize=(15, 3.2), sharey=True)
    for axis, (key, factor, title) in zip(axes, panels):
        values = [systems[name][key] * factor for name in names]
        bars = axis.barh(names, values, color=colors)
        axis.set_xscale("log")
        axis.set_title(title, fontsize=10)
        axis.bar_label(bars, [f" {value:,.3g}" for value in values], fontsize=8)
        axis.margins(x=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    _save(figure, path)


def _scaling(scaling: Dict[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(14, 3.8))
    for name, rows in scaling.items():
        color = OURS if name == "music_query" else PEER
        axes[0].loglog(*zip(*rows["by_length"]), "o-", color=color, label=name)
        axes[1].semilogx(*zip(*rows["by_batch_size"]), "o-", color=color, label=name)
        number, _, memory = zip(*rows["by_number"])
        axes[2].semilogx(number, memory, "o-", color=color, label=name)
    labels = (
        ("characters in the message", "seconds for one message"),
        ("batch size of nlp.pipe", "messages a second"),
        ("messages streamed in one process", "MB resident"),
    )
    for axis, (x, y) in zip(axes, labels):
        axis.set(xlabel=x, ylabel=y)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].set_ylim(bottom=0)
    axes[2].set_ylim(bottom=0)
    axes[0].legend(frameon=False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
