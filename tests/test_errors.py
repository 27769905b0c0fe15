"""Every message of the catalogue can be filled by whoever fills it."""

import ast
import string
from pathlib import Path

import pytest

import spacy_musicquery
from spacy_musicquery.errors import Errors, SavedModelError, Warnings, require_number

PACKAGE = Path(spacy_musicquery.__file__).parent
MESSAGES = {
    f"{catalogue.__name__}.{name}": message
    for catalogue in (Errors, Warnings)
    for name, message in vars(catalogue).items()
    if name.startswith("MQ")
}


def fields(message):
    return {name for _, name, _, _ in string.Formatter().parse(message) if name}


def uses():
    """Where a message is filled: its name, and the names of what fills it."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "format"
                and (name := ast.unparse(node.func.value)) in MESSAGES
            ):
                keys = {keyword.arg for keyword in node.keywords}
                found.append(pytest.param(name, keys, id=f"{path.name}:{node.lineno}"))
    return found


@pytest.mark.parametrize("name, keys", uses())
def test_every_call_fills_its_template(name, keys):
    assert keys == fields(MESSAGES[name])


def test_every_message_is_used():
    source = "".join(
        path.read_text(encoding="utf8")
        for path in PACKAGE.rglob("*.py")
        if path.name != "errors.py"
    )
    source += (PACKAGE / "errors.py").read_text(encoding="utf8").split("def bad_setting")[1]
    assert [name for name in MESSAGES if name not in source] == []


def test_every_message_begins_with_its_number():
    for name, message in MESSAGES.items():
        assert message.startswith(f"[{name.split('.')[1]}] ")


@pytest.mark.parametrize(
    "value, bounds, expected",
    [
        (0, {"above": 0}, "a number above 0."),
        (True, {"at_least": 0}, "a number of at least 0."),
        ("64", {"at_least": 1, "whole": True}, "a whole number of at least 1."),
        (1.0, {"at_least": 1, "whole": True}, "a whole number of at least 1."),
        (1.5, {"at_least": 0, "at_most": 1}, "a number from 0 to 1."),
        (1, {"at_least": 0, "below": 1}, "a number of at least 0 and below 1."),
        (0.0, {"above": 0, "at_most": 1}, "a number above 0 and at most 1."),
        (float("nan"), {"above": 0}, "a number above 0."),
        (float("inf"), {"above": 0}, "a number above 0."),
    ],
)
def test_a_number_outside_its_range(value, bounds, expected):
    with pytest.raises(ValueError, match=r"MQ003.*setting = ") as error:
        require_number("who", "setting", value, **bounds)
    assert str(error.value).endswith(expected)
    assert not isinstance(error.value, SavedModelError)


@pytest.mark.parametrize(
    "value, bounds",
    [
        (0, {"at_least": 0}),
        (1, {"at_most": 1}),
        (7, {"at_least": 1, "whole": True}),
        (0.5, {"above": 0, "below": 1}),
    ],
)
def test_a_number_within_its_range(value, bounds):
    require_number("who", "setting", value, **bounds)
