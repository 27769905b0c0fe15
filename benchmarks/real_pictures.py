"""The results of `real.py` as pictures, labelled in English: few fonts that matplotlib
brings have Chinese characters."""

import re
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from plots import OURS, PEER, draw_reliability, plt
from real_scores import Share

_COLORS = (OURS, PEER, "#d98c4a", "#5b7db1", "#a05195")
Rows = Mapping[str, Sequence[Optional[Share]]]


def draw(results: Dict[str, Any], out: Path) -> List[str]:
    """Draw what `real.py` measured.

    results (Dict[str, Any]): What it saves.
    out (Path): Where the PNG files go.
    RETURNS (List[str]): Their names.
    """
    systems = results["systems"]
    names = list(systems)
    of_each = list(systems.values())
    files = {
        "real.png": _draw_sets,
        "real_kinds.png": _draw_kinds,
        "real_endings.png": _draw_endings,
        "real_famous.png": _draw_famous,
        "real_thresholds.png": _draw_thresholds,
    }
    for file, picture in files.items():
        figure = picture(names, of_each)
        figure.tight_layout()
        figure.savefig(out / file, dpi=120)
        plt.close(figure)
    first = of_each[0]["calibration"]
    if first is None:
        return list(files)
    draw_reliability(first["bins"], first["error"], out / "real_reliability.png")
    return [*files, "real_reliability.png"]


def _draw_sets(names: List[str], systems: List[Dict[str, Any]]) -> Any:
    sets = list(systems[0]["sets"])
    figure, axes = plt.subplots(1, 3, figsize=(14, 2 + 0.28 * len(sets) * len(names)))
    titles = {
        "f1": "F1 of exact queries",
        "exact": "% of messages exactly right",
        "false_alarms": "% false alarms",
    }
    for axis, (key, title) in zip(axes, titles.items()):
        rows = {name: [system["sets"][name][key] for system in systems] for name in sets}
        _bars(axis, {name: row for name, row in rows.items() if any(row)}, names)
        axis.set_title(title, fontsize=10)
    axes[0].legend(frameon=False, fontsize=8, loc="lower left")
    return figure


def _draw_kinds(names: List[str], systems: List[Dict[str, Any]]) -> Any:
    kinds = systems[0]["kinds"]
    figure, axis = plt.subplots(figsize=(8, 1.5 + 0.25 * len(kinds) * len(names)))
    rows = {
        f"{kind} ({kinds[kind].n})": [system["kinds"][kind] for system in systems]
        for kind in sorted(kinds, key=lambda kind: kinds[kind].value)
    }
    _bars(axis, rows, names)
    axis.axvline(60, color="black", linewidth=0.8, linestyle=":")
    axis.set_title("cases: % exactly right, by kind", fontsize=10)
    axis.legend(frameon=False, fontsize=8)
    return figure


def _draw_endings(names: List[str], systems: List[Dict[str, Any]]) -> Any:
    endings = systems[0]["endings"]
    figure, axis = plt.subplots(figsize=(8, 1.5 + 0.22 * len(endings) * len(names)))
    rows = {
        name: [system["endings"][name] for system in systems]
        for name in sorted(endings, key=lambda name: endings[name].value)
    }
    _bars(axis, rows, names)
    axis.set_title("% still exactly right, of requests right without it", fontsize=10)
    axis.legend(frameon=False, fontsize=8)
    return figure


def _draw_famous(names: List[str], systems: List[Dict[str, Any]]) -> Any:
    forms = systems[0]["famous"]["forms"]
    english = {"": "plain", "。": "full stop", "！": "exclamation", "吧": "ba"}
    rows = {
        f"{form}, {english[ending]}": [
            _rest(system["famous"]["forms"][form][ending]) for system in systems
        ]
        for form, shares in forms.items()
        for ending in shares
    }
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(13, 2 + 0.25 * len(rows) * len(names)), width_ratios=(3, 2)
    )
    _bars(left, rows, names)
    left.set_title("famous names in 60 carriers: % not exactly right", fontsize=10)
    left.legend(frameon=False, fontsize=8)
    for name, system, color in zip(names, systems, _COLORS):
        carriers = system["famous"]["carriers"].values()
        shares = sorted((100 * _rest(share).value for share in carriers), reverse=True)
        right.plot(
            range(1, len(shares) + 1), shares, "o-", markersize=3, color=color, label=name
        )
    right.set(xlabel="carriers, the worst first", ylabel="% not exactly right")
    right.grid(alpha=0.3)
    right.spines[["top", "right"]].set_visible(False)
    return figure


def _draw_thresholds(names: List[str], systems: List[Dict[str, Any]]) -> Any:
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
    panels = (("sms", "text messages"), ("car_other over 6", "other commands in cars"))
    for axis, (key, title) in zip(axes, panels):
        for name, system, color in zip(names, systems, _COLORS):
            rows = system["thresholds"]
            if rows is None:
                continue
            alarms = [100 * row[key].value for row in rows]
            scores = [100 * row["car_music"].value for row in rows]
            axis.plot(alarms, scores, "o-", color=color, label=name, markersize=4)
            for row, x, y in zip(rows, alarms, scores):
                axis.annotate(f" {row['threshold']:g}", (x, y), fontsize=7)
        axis.set_xlabel(f"% false alarms: {title}")
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("F1 on requests in cars, by threshold")
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def _bars(axis: Any, rows: Rows, names: Sequence[str]) -> None:
    """Horizontal bars with their intervals, a group a row, a bar a system."""
    height = 0.8 / len(names)
    for i, (name, color) in enumerate(zip(names, _COLORS)):
        shown = [(place, row[i]) for place, row in enumerate(rows.values())]
        known = [(place, cell) for place, cell in shown if cell is not None]
        values = [100 * cell.value for _, cell in known]
        errors = [
            [100 * (cell.value - cell.low) for _, cell in known],
            [100 * (cell.high - cell.value) for _, cell in known],
        ]
        bars = axis.barh(
            [place + (i - (len(names) - 1) / 2) * height for place, _ in known],
            values, height, xerr=errors, color=color, label=name,
            error_kw={"linewidth": 0.8, "alpha": 0.6},
        )  # fmt: skip
        axis.bar_label(bars, [f" {value:.3g}" for value in values], fontsize=7)
    axis.set_yticks(range(len(rows)), [_plain(label) for label in rows], fontsize=8)
    axis.invert_yaxis()
    axis.margins(x=0.15)
    axis.spines[["top", "right"]].set_visible(False)


def _rest(share: Share) -> Share:
    """What is not right: 99.5 and 99.9 % look the same."""
    return Share(1 - share.value, 1 - share.high, 1 - share.low, share.n)


def _plain(label: str) -> str:
    return re.sub(r"[^\x00-\x7f]+", "…", label)
