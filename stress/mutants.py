"""Change the sources of the package in small ways, and see whether the tests notice.

python -m stress.mutants --mutants 150

A sample of all changes (a comparison, a number, a condition, a statement left out, ...) of what
makes spans of characters, saves and reads files. Each is made in a process of its own, which
runs the fast tests of that module; the sources stay as they are.
"""

import argparse
import ast
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from tqdm import tqdm

ROOT = Path(__file__).parents[1]
MAX_SECONDS = 300
_OF_FILES = ("tests/data/test_records.py", "tests/data/test_other_formats.py")
_OF_SAVING = ("tests/saving", "tests/pipeline/test_compatibility.py")
# The tests of each module that train nothing.
TESTS: Dict[str, Sequence[str]] = {
    "decoding.bio": ("tests/decoding",),
    "decoding.linear_chain": ("tests/decoding",),
    "decoding.emissions": ("tests/decoding", "tests/pipeline/test_box.py"),
    "tokens.alignment": ("tests/tokens",),
    "saving.atomic": ("tests/saving/test_atomic.py",),
    "saving.sealed_files": _OF_SAVING,
    "saving.limited_msgpack": _OF_SAVING,
    "linking.index_file": ("tests/linking/test_index.py",),
    "linking.sound_arrays": ("tests/linking/test_index.py",),
    "data.records": (*_OF_FILES, "tests/data/test_text_lines.py"),
    "data.other_formats": _OF_FILES,
    "data.rasa": _OF_FILES,
    "data.text_lines": ("tests/data/test_text_lines.py", *_OF_FILES),
    "data.catalogue_files": ("tests/data/test_catalogue_files.py",),
    "data.link_table": ("tests/data/test_link_table.py",),
}
_SWAPS: Dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn,
    ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


class Mutant(NamedTuple):
    """A change: of which module, in which line, to what, and the whole source with it."""

    module: str
    line: int
    change: str
    source: str


def _path_of(module: str) -> Path:
    return ROOT / "spacy_musicquery" / Path(*module.split(".")).with_suffix(".py")


def mutants_of(module: str) -> Iterator[Mutant]:
    """module (str): A module, from the package on. YIELDS (Mutant): All its mutants."""
    tree = ast.parse(_path_of(module).read_text(encoding="utf8"))
    for holder, field, place, node in list(_places(tree)):
        for changed in _changes(node):
            before = ast.unparse(node)
            _put(holder, field, place, changed)
            change = f"{before[:70]} -> {ast.unparse(changed)[:70]}"
            source = ast.unparse(ast.fix_missing_locations(tree))
            yield Mutant(module, getattr(node, "lineno", 0), change, source)
            _put(holder, field, place, node)


def _put(holder: Any, field: str, place: Optional[int], node: ast.AST) -> None:
    if place is None:
        setattr(holder, field, node)
    else:
        getattr(holder, field)[place] = node


def _places(node: ast.AST) -> Iterator[Tuple[ast.AST, str, Optional[int], ast.AST]]:
    """Every statement and expression that does something: not types, docstrings, messages."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for place, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or _is_no_code(child):
                continue
            if isinstance(child, (ast.stmt, ast.expr)):
                yield node, field, place if isinstance(value, list) else None, child
            yield from _places(child)


def _is_no_code(node: ast.AST) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.JoinedStr)):
        return True
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.Assign):  # types by another name
        names = [ast.unparse(target) for target in node.targets]
        if names[0][:1].isupper() and not names[0].isupper():
            return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPS:
        yield _with(node, ops=[_SWAPS[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)):
        if type(node.op) in _SWAPS:
            yield _with(node, op=_SWAPS[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Return) and node.value is not None:
        if ast.unparse(node.value) != "None":
            yield _with(node, value=ast.Constant(None))
    elif isinstance(node, (ast.Raise, ast.Expr, ast.AugAssign)):
        yield ast.Pass()
    elif isinstance(node, ast.Break):
        yield ast.Continue()
    elif isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int):
            yield ast.Constant(node.value + 1)
        elif isinstance(node.value, str) and " " not in node.value:
            yield ast.Constant(f"XX{node.value}")


def _with(node: Any, **changes: Any) -> ast.AST:
    fields = {**dict(ast.iter_fields(node)), **changes}
    return ast.copy_location(type(node)(**fields), node)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = f"spacy_musicquery.{mutant.module}"

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname != self._name:
            return None
        path = _path_of(self._mutant.module)
        return importlib.util.spec_from_file_location(fullname, path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.source, str(module.__file__), "exec"), module.__dict__)


def try_mutant(mutant: Mutant) -> str:
    """Run the tests of a mutant's module.

    mutant (Mutant): The mutant.
    RETURNS (str): Whether it was "killed", by time or by a test, or "survived".
    """
    child = os.fork()
    if not child:
        try:
            signal.alarm(MAX_SECONDS)
            sys.meta_path.insert(0, _Finder(mutant))
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            os._exit(_run_tests(TESTS[mutant.module]))
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "killed, as it took too long"
    return "survived" if os.WEXITSTATUS(status) == 0 else "killed"


def _run_tests(tests: Sequence[str]) -> int:
    import pytest

    paths = [str(ROOT / test) for test in tests]
    return int(pytest.main([*paths, "-x", "-q", "-n", "0", "-p", "no:cacheprovider"]))


def require_passing(module: str) -> None:
    """Stop if the tests of a module fail as it stands: they would kill whatever they got.

    module (str): The module.
    """
    if (
        try_mutant(Mutant(module, 0, "nothing", _path_of(module).read_text("utf8")))
        != "survived"
    ):
        raise ValueError(f"the tests of {module} fail without any change")


def run_mutants(
    n: int, seed: int, modules: Sequence[str], say: Callable[[str], None]
) -> Dict[str, Counter]:
    """Try a sample of mutants.

    n (int): How many.
    seed (int): Seeds the sample.
    modules (Sequence[str]): Of which modules.
    say (Callable[[str], None]): Called with each that survives.
    RETURNS (Dict[str, Counter]): What became of them, by module.
    """
    # What all processes need, read once; of the package itself nothing.
    for name in ("pytest", "spacy", "spacy.lang.zh", "srsly", "typer"):
        importlib.import_module(name)
    for module in modules:
        require_passing(module)
    everything = [mutant for module in modules for mutant in mutants_of(module)]
    chosen = random.Random(seed).sample(everything, min(n, len(everything)))
    counts: Dict[str, Counter] = {}
    for mutant in tqdm(sorted(chosen), unit=" mutants"):
        outcome = try_mutant(mutant)
        counts.setdefault(mutant.module, Counter())[outcome] += 1
        if outcome == "survived":
            say(f"{mutant.module}:{mutant.line}: {mutant.change}")
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=TESTS, default=list(TESTS))
    options = parser.parse_args()
    started = time.monotonic()
    counts = run_mutants(options.mutants, options.seed, options.only, tqdm.write)
    for module, of_module in counts.items():
        print(f"{module}: {', '.join(f'{n} {what}' for what, n in of_module.items())}")
    n = sum(sum(of_module.values()) for of_module in counts.values())
    n_survived = sum(of_module["survived"] for of_module in counts.values())
    print(f"mutants: {n}, killed: {n - n_survived} ({(n - n_survived) / n:.1%})")
    print(f"seconds: {time.monotonic() - started:,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
