"""Fits the coefficients of linking's probabilities.

python benchmarks/linking_calibration.py [--queries N]

Of names of the project's own catalogue, half are queries as they are, a quarter misheard by a
program, and a quarter are not in the catalogue, as they are or misheard; in catalogues of
3,000 to 300,000 names. Prints what belongs into `CALIBRATION` in spacy_musicquery/linking/score.py.
"""

import argparse
import math
import random
from typing import List, NamedTuple, Optional

from linking_data import Mishearing, make_catalogue, project_names

from spacy_musicquery.linking.index import LinkIndex
from spacy_musicquery.linking.keys import spell_query
from spacy_musicquery.linking.readings import find_readings
from spacy_musicquery.linking.score import CALIBRATION, Calibration, probabilities

SIZES = (3_000, 30_000, 300_000)
STEPS = (1.0, 0.3, 0.1, 0.03)


class Case(NamedTuple):
    """A query: what its readings cost, which of them is right, and what else counts."""

    costs: List[float]
    right: Optional[int]
    n_chars: int
    n_keys: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=1500, help="for each size")
    options = parser.parse_args()
    cases = [case for size in SIZES for case in make_cases(size, options.queries)]
    fitted = fit(cases)
    print(f"{len(cases)} queries, loss {loss(cases, fitted):.4f}")
    print(Calibration(*(round(value, 2) for value in fitted)))


def make_cases(size: int, n_queries: int) -> List[Case]:
    generator = random.Random(size)
    names = [name for name in project_names() if 1 < len(name) < 20]
    generator.shuffle(names)
    absent, present = names[:n_queries], names[n_queries : n_queries + size // 2]
    # Half of a small catalogue, so that what is not in it has neighbours as well.
    first = dict.fromkeys(present, "title")
    index = LinkIndex.build(make_catalogue(size, first, without=absent, seed=size))
    mishear = Mishearing(names, seed=size)
    cases = []
    for i in range(n_queries):
        kind = generator.choices(("right", "misheard", "absent"), (2, 1, 1))[0]
        name = absent[i] if kind == "absent" else generator.choice(present)
        is_misheard = kind == "misheard" or (kind == "absent" and i % 2 == 0)
        said = mishear(name) if is_misheard else name
        cases.append(make_case(index, said, None if kind == "absent" else name))
    return cases


def make_case(index: LinkIndex, said: str, name: Optional[str]) -> Case:
    keys, *_ = spell_query(said)
    readings = find_readings(index.search, index.table, index.syllable_ids, keys)
    right = None
    if name is not None:
        place = index.search.place_of(spell_query(name)[0][0])
        right = next((i for i, r in enumerate(readings) if r[1][0][0] == place), None)
    return Case([cost for cost, _ in readings], right, len(keys[0]), index.n_keys)


def loss(cases: List[Case], calibration: Calibration) -> float:
    total = 0.0
    for costs, right, n_chars, n_keys in cases:
        shares = probabilities(costs, n_chars, n_keys, calibration)
        share = 1 - sum(shares) if right is None else shares[right]
        total -= math.log(max(share, 1e-9))
    return total / len(cases)


def fit(cases: List[Case]) -> Calibration:
    """Change a coefficient at a time, in smaller and smaller steps, as long as it helps."""
    best = CALIBRATION
    least = loss(cases, best)
    for step in STEPS:
        improved = True
        while improved:
            improved = False
            for i in range(len(best)):
                for change in (-step, step):
                    tried = Calibration(*best[:i], best[i] + change, *best[i + 1 :])
                    if (here := loss(cases, tried)) < least:
                        best, least, improved = tried, here, True
    return best


if __name__ == "__main__":
    main()
