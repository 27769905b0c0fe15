"""A docstring begins with a sentence that says what its function does."""

import ast
import re
from pathlib import Path

import spacy_musicquery

PACKAGE = Path(spacy_musicquery.__file__).parent
# What stands first instead: a parameter, or what is returned.
NO_SENTENCE = re.compile(r"\w+(, \w+)* \(|RETURNS|YIELDS|RAISES|See `")


def test_docstrings_begin_with_a_sentence():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)):
                docstring = ast.get_docstring(node) or "None."
                if NO_SENTENCE.match(docstring):
                    name = getattr(node, "name", "the module")
                    wrong.append(f"{path.relative_to(PACKAGE)}: {name}")
    assert wrong == []


def test_long_modules_say_why_they_are_long():
    """But a table, which has as many lines as it needs."""
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf8")
        reason = "Longer than other modules, as " in (
            ast.get_docstring(ast.parse(source)) or ""
        )
        if source.count("\n") > 400 and not reason and path.name != "errors.py":
            wrong.append(str(path.relative_to(PACKAGE)))
    assert wrong == []
