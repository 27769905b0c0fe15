"""The tasks of `forgetting.py`: what a tagger learns one after the other, each a set of
messages to train on and another to be scored on."""

import json
import random
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

from spacy_musicquery.data.catalogue_files import read_catalogue
from spacy_musicquery.data.generator import Grammar, checked_settings, generate
from spacy_musicquery.data.records import DEFAULT_LABEL, Record, read_records

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "assets" / "catalogue"

# Phrases to train with, and some others to be scored with.
FILM_PHRASES = (
    [
        "我想看{}",
        "播放电影{}",
        "放一下{}这部片子",
        "帮我找电影{}",
        "打开{}第一集",
        "电视上放{}",
        "来一部{}",
        "{}的电影票",
        "搜一下{}这部剧",
        "追剧{}",
        "我要看电视剧{}",
        "今晚看{}吧",
        "继续播{}",
        "{}更新了吗，放给我看",
        "把{}投到电视上",
        "想重温{}",
        "点播{}",
        "孩子要看{}",
        "陪我看{}",
        "看看{}",
    ],
    [
        "给我放部{}",
        "我们看{}怎么样",
        "电影{}有没有，播一下",
        "切到{}",
        "下一部看{}",
        "帮我打开{}",
    ],
)
ENGLISH_PHRASES = (
    [
        "play {}", "play {} please", "can you play {}", "i want to listen to {}",
        "put on {}", "i'd like to hear {}", "start {}", "play me {}", "let's hear {}",
        "could you put {} on", "next song {}", "search for {}", "find {}", "play the song {}",
        "i wanna hear {} now", "hey, play {}", "turn on {}", "queue {}", "{} please", "play {} again",
    ],
    ["would you play {}", "give me {}", "please play {}", "i feel like listening to {}",
     "add {} to the queue", "okay now {}"],
)  # fmt: skip
ENGLISH_SILENCE = (
    ["what time is it", "how are you", "set an alarm for seven", "tell me a joke",
     "turn off the light", "what's the weather today", "call my mother", "good morning",
     "where is the nearest bank", "stop", "thank you", "who are you", "open the window"],
    ["what day is it", "wake me at six", "is it going to rain", "how old are you",
     "turn on the light", "thanks a lot", "call a taxi", "good night"],
)  # fmt: skip


class Task(NamedTuple):
    """name (str): Its name.
    train, test (List[Record]): The messages.
    label (str): What is found in them.
    """

    name: str
    train: List[Record]
    test: List[Record]
    label: str = DEFAULT_LABEL


def make_tasks(cais: Path) -> List[Task]:
    """cais (Path): The folder of CAIS' train.jsonl and valid.jsonl.
    RETURNS (List[Task]): The box first, whose messages to train on stand for those that
        it has been trained on.
    """
    utterances, held_out = (
        _read_cais(cais / f"{part}.jsonl") for part in ("train", "valid")
    )
    random.Random(0).shuffle(utterances)
    old, unseen = _box_messages(4000, seed=101), _box_messages(1000, seed=102)
    films = _fill(FILM_PHRASES, _names("screen"), "FILM")
    songs = [name for name in _names("title") if name.isascii()]
    english = _fill(ENGLISH_PHRASES, songs, DEFAULT_LABEL, ENGLISH_SILENCE)
    return [
        Task("box", old, unseen),
        Task("CAIS", utterances[:1000], held_out),
        Task("films", *films, "FILM"),
        Task("English", *english),
    ]


def _read_cais(path: Path) -> List[Record]:
    records, _ = read_records(path, label=DEFAULT_LABEL)
    # Intents would be a task of their own.
    return [record._replace(intent=None) for record in records]


def _box_messages(size: int, seed: int) -> List[Record]:
    settings = json.loads((ROOT / "configs" / "box_corpus.json").read_text("utf8"))
    grammar = Grammar(ROOT / "assets" / "corpus", read_catalogue([CATALOGUE]))
    return list(
        generate(grammar, checked_settings({**settings, "size": size, "seed": seed}))
    )


def _names(kind: str) -> List[str]:
    names: Dict[str, List[str]] = read_catalogue([CATALOGUE])
    return sorted({name for name in names[kind] if 1 < len(name) < 25})


def _fill(
    phrases: Tuple[Sequence[str], Sequence[str]],
    names: List[str],
    label: str,
    silence: Tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> Tuple[List[Record], List[Record]]:
    """200 messages to train on, and 300 with other names, half of them in other phrases."""
    rng = random.Random(0)
    rng.shuffle(names)
    half = len(names) // 2
    train = _messages(rng, phrases[0], names[:half], label, silence[0], 200)
    test = _messages(rng, phrases[0], names[half:], label, silence[1], 150)
    return train, test + _messages(rng, phrases[1], names[half:], label, silence[1], 150)


def _messages(
    rng: random.Random,
    phrases: Sequence[str],
    names: Sequence[str],
    label: str,
    silence: Iterable[str],
    size: int,
) -> List[Record]:
    records = [Record(row, text, ()) for row, text in enumerate(silence)]
    while len(records) < size:
        before, after = rng.choice(phrases).split("{}")
        name = rng.choice(names)
        span = (len(before), len(before) + len(name), label)
        records.append(Record(len(records), before + name + after, (span,)))
    return records
