"""The results of `real.py` as a document."""

from typing import Any, Callable, Dict, Iterable, List, Optional

from real_checks import FAMOUS_ENDINGS
from real_famous import ARTISTS, PAIRS, TITLES
from real_scores import N_SAMPLES, Share

Systems = Dict[str, Dict[str, Any]]

_SETS = {
    "car_music": "requests in cars with words around the names (NLPCC 2018)",
    "car_bare": "names alone, in cars",
    "car_other over 6": "other commands and places in cars, over 6 characters",
    "car_other 5 to 6": "the same, 5 or 6 characters",
    "car_other up to 4": "the same, up to 4 characters",
    "sms": "text messages between people (NUS SMS)",
    "cases": "requests and near misses of the kinds that strangers published",
    "car_commands": "commands in cars of 2025, several wishes a message (MAC-SLU)",
    "CAIS valid": "utterances to AI speakers (CAIS)",
}
_PICTURES = {
    "real.png": "F1, messages exactly right and false alarms of each set",
    "real_kinds.png": "Cases exactly right, by kind",
    "real_endings.png": "Requests still right with each ending",
    "real_famous.png": "Famous names exactly right, by what is named and by carrier",
    "real_thresholds.png": "F1 against false alarms at rising thresholds",
    "real_reliability.png": "Scores against the share that is right",
}


def document(results: Dict[str, Any], pictures: List[str]) -> str:
    """Write down what was measured.

    results (Dict[str, Any]): What `real.py` saves.
    pictures (List[str]): The names of the pictures beside the document; none to leave
        them out.
    RETURNS (str): The document, in Markdown.
    """
    systems: Systems = results["systems"]

    def picture(name: str) -> List[str]:
        return [f"![{_PICTURES[name]}]({name})", ""] if name in pictures else []

    lines = [
        "# What people really write",
        "",
        "```bash",
        results["command"],
        "```",
        "",
        "writes this page and its pictures. DIR holds sets that are not part of the project. The model",
        "in the box was never trained on those of `real` and `cais`; it may have been on the others, chat",
        "and `car_commands`: its model card says. In brackets are 95 % intervals: the same over",
        f"{N_SAMPLES:,} samples of the messages, drawn with replacement. Where nothing was found in n messages,",
        "they end at 0, but the true share may be as high as 3 / n.",
        "",
        *(f"- `{name}`: {made_from}" for name, made_from in results["made_from"].items()),
        "",
        "## In short",
        "",
        *_summary(systems),
        "",
        "## Sets",
        "",
        *_sets(systems),
        "",
        *picture("real.png"),
        "Of `cases`, the share that is exactly right by kind, for kinds with at least five cases;",
        "what is under 60 % is bold:",
        "",
        *_shares(systems, "kind", lambda system: system["kinds"], bold_below=0.6),
        "",
        *picture("real_kinds.png"),
        "## Scores and thresholds",
        "",
        *_thresholds(systems),
        *picture("real_reliability.png"),
        *picture("real_thresholds.png"),
        "## Endings",
        "",
        "Requests of CAIS valid and `car_music` that the system gets exactly right, that begin and end",
        "with a Chinese character: the share that is still right, to the character, with each",
        "of these behind it, before it or around the name. An invariance test as in",
        "[CheckList](https://aclanthology.org/2020.acl-main.442/).",
        "",
        *_endings(results["shapes"], systems),
        "",
        *picture("real_endings.png"),
        "## Famous names",
        "",
        f"{len(ARTISTS)} artists and {len(TITLES)} titles (`benchmarks/real_famous.py`: written down by hand,",
        f"all of them in the catalogue), and {len(PAIRS)} pairs of them, with and without 的, in 60 plain",
        "carriers with four endings: the share exactly right. A minimum functionality test. The samples",
        "for the intervals are drawn of names.",
        "",
        *_forms(systems),
        "",
        "By carrier, over all names that it takes and all endings:",
        "",
        *_shares(
            systems, "carrier", lambda system: system["famous"]["carriers"], n="names"
        ),
        "",
        *picture("real_famous.png"),
        *_worst_names(systems),
        "## Traditional characters",
        "",
        "F1 after conversion by OpenCC, and in brackets how many points that is behind simplified: to traditional",
        "characters (`s2t`), those of Taiwan (`s2tw`) with its wording (`s2twp`), those of Hong Kong (`s2hk`).",
        "",
        *_converted(systems),
        "",
        "## Refusals and polite words",
        "",
        "Direction: what is refused must not be found. Messages with nothing but a refused name in which",
        "nothing is found:",
        "",
        *_shares(systems, "refused", lambda system: system["refused"]),
        "",
        "Messages in which the name that is asked for instead (the second) is found, and nothing else:",
        "",
        *_shares(systems, "instead", lambda system: system["instead"]),
        "",
        "Invariance: the requests of the endings test that begin with a verb, still exactly right behind",
        "polite words:",
        "",
        *_shares(systems, "polite", lambda system: system["polite"]),
    ]
    return "\n".join(lines) + "\n"


def _summary(systems: Systems) -> List[str]:
    def of_set(name: str, key: str) -> Callable[[Dict[str, Any]], str]:
        return lambda system: _cell(system["sets"][name][key])

    rows: Dict[str, Callable[[Dict[str, Any]], str]] = {
        "false alarms, text messages": of_set("sms", "false_alarms"),
        "false alarms, other commands in cars, over 6 characters": of_set(
            "car_other over 6", "false_alarms"
        ),
        "the same, up to 4 characters": of_set("car_other up to 4", "false_alarms"),
        "F1, requests in cars": of_set("car_music", "f1"),
        "F1, CAIS valid": of_set("CAIS valid", "f1"),
        "cases exactly right": of_set("cases", "exact"),
        "kinds of cases under 60 %": _poor_kinds,
        "famous names exactly right": lambda system: _cell(system["famous"]["all"]),
        "the worst ending": lambda system: _worst(system["endings"]),
        "the worst carrier": lambda system: _worst(system["famous"]["carriers"]),
        "the worst refusal": lambda system: _worst(
            {**system["refused"], **system["instead"]}
        ),
        "`assets/train.json` in traditional characters: points behind": lambda system: (
            _behind(system["converted"]["assets/train.json"], "s2t")
        ),
        "listening, F1": lambda system: _cell(system["listening"]),
        "expected calibration error on `real`": lambda system: (
            f"{system['calibration']['error']:.3f}" if system["calibration"] else "-"
        ),
        "threshold": lambda system: f"{system['threshold']:g}",
    }
    return _table(
        ["", *systems],
        ([label, *map(write, systems.values())] for label, write in rows.items()),
    )


def _sets(systems: Systems) -> List[str]:
    several = len(systems) > 1
    first = next(iter(systems.values()))
    rows = []
    for name, of_set in first["sets"].items():
        for system, measured in systems.items():
            row = [f"`{name}`: {_SETS.get(name, 'ordinary chat')}"] + [
                f"`{system}`"
            ] * several
            cells = [measured["sets"][name][key] for key in ("f1", "false_alarms", "exact")]
            rows.append([*row, f"{of_set['n']:,}", *map(_cell, cells)])
    head = ["set", *["system"] * several, "messages"]
    return _table([*head, "F1", "false alarms, %", "exactly right, %"], rows)


def _thresholds(systems: Systems) -> List[str]:
    lines = []
    for name, system in systems.items():
        rows = system["thresholds"]
        if rows is None:
            continue
        calibration = system["calibration"]
        lines += [
            f"`{name}`: expected calibration error {calibration['error']:.3f}, over the "
            f"{calibration['n']:,} queries",
            f"found in `real` at threshold 0, in {len(calibration['bins'])} bins that hold any. "
            f"It is saved with a threshold of {system['threshold']:g}.",
            "",
            *_table(
                ["threshold", "F1 `car_music`", "F1 CAIS valid", "exact `cases`"]
                + [f"false alarms `{key}`" for key in list(rows[0])[4:]],
                (
                    [
                        f"{row['threshold']:g}",
                        *(_percent(row[key]) for key in list(row)[1:]),
                    ]
                    for row in rows
                ),
            ),
            "",
        ]
    return lines


def _endings(shapes: Dict[str, str], systems: Systems) -> List[str]:
    return _table(
        ["ending", "as in", "requests", *systems],
        (
            [name, _code(shape), str(next(iter(systems.values()))["endings"][name].n)]
            + [_cell(system["endings"].get(name)) for system in systems.values()]
            for name, shape in shapes.items()
        ),
    )


def _forms(systems: Systems) -> List[str]:
    return _table(
        ["name", "system", *(ending or "no ending" for ending in FAMOUS_ENDINGS)],
        (
            [form, f"`{name}`", *map(_cell, shares.values())]
            for name, system in systems.items()
            for form, shares in system["famous"]["forms"].items()
        ),
    )


def _worst_names(systems: Systems) -> List[str]:
    lines = []
    for name, system in systems.items():
        worst = list(system["famous"]["worst_names"].items())[:10]
        listed = "、".join(f"{word} ({share:.0%})" for word, share in worst)
        lines += [f"What `{name}` gets right least: {listed}", ""]
    return lines


def _converted(systems: Systems) -> List[str]:
    rows = []
    for name, system in systems.items():
        for data, shares in system["converted"].items():
            others = list(shares)[1:]
            cells = [f"{_percent(shares[key])} ({_behind(shares, key)})" for key in others]
            rows.append([data, f"`{name}`", _cell(shares["simplified"]), *cells])
    columns = list(next(iter(next(iter(systems.values()))["converted"].values())))
    return _table(["data", "system", *columns], rows)


def _shares(
    systems: Systems,
    title: str,
    get: Callable[[Dict[str, Any]], Dict[str, Optional[Share]]],
    *,
    n: str = "messages",
    bold_below: float = 0.0,
) -> List[str]:
    """A table with a row a key and a column a system."""
    of_each = [get(system) for system in systems.values()]
    rows = []
    for key, share in of_each[0].items():
        cells = [
            f"**{_cell(cell)}**"
            if cell is not None and cell.value < bold_below
            else _cell(cell)
            for cell in (shares.get(key) for shares in of_each)
        ]
        rows.append([key, str(share.n if share else 0), *cells])
    return _table([title, n, *systems], rows)


def _table(head: List[str], rows: Iterable[List[str]]) -> List[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _cell(share: Optional[Share]) -> str:
    if share is None:
        return "-"
    return f"{100 * share.value:.2f} ({100 * share.low:.1f}-{100 * share.high:.1f})"


def _percent(share: Optional[Share]) -> str:
    return "-" if share is None else f"{100 * share.value:.2f}"


def _behind(shares: Dict[str, Share], key: str) -> str:
    return f"{100 * (shares['simplified'].value - shares[key].value):.2f}"


def _worst(shares: Dict[str, Share]) -> str:
    key = min(shares, key=lambda key: shares[key].value)
    return f"{_percent(shares[key])} ({key})"


def _poor_kinds(system: Dict[str, Any]) -> str:
    kinds = system["kinds"]
    poor = [kind for kind in kinds if kinds[kind].value < 0.6]
    return f"{len(poor)} of {len(kinds)}"


def _code(text: str) -> str:
    return f"`{text}`"
