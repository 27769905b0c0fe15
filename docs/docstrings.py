"""Reads the docstrings of the package, which are written as spaCy's, for mkdocstrings."""

import re
from typing import Any, List

import griffe

SECTIONS = {"RETURNS": "Returns", "YIELDS": "Yields", "RAISES": "Raises"}
RESULT = re.compile(r"^(RETURNS|YIELDS|RAISES) \((.+?)\): (.*)")
FIELD = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: \((.+?)\))?: (.*)")
# On one line with the sentence before it.
INLINE = re.compile(r" (?=(?:RETURNS|YIELDS|RAISES) \()")


def as_google(docstring: str, fields: str = "Args") -> str:
    """Write a docstring in Google's style.

    docstring (str): One in spaCy's style: a sentence, then `name (Type): text`, then
        `RETURNS (Type): text`.
    fields (str): The section of the names: Args, or Attributes of a class.
    RETURNS (str): The same with sections.
    """
    lines = INLINE.sub("\n", docstring).splitlines()
    out: List[str] = []
    section = None
    for line in lines:
        if found := RESULT.match(line):
            title = SECTIONS[found[1]]
            if section != title:
                out += ["", f"{title}:"]
            section = title
            out.append(f"    {found[2]}: {found[3]}")
        elif (found := FIELD.match(line)) and found[2]:
            if section != fields:
                out += ["", f"{fields}:"]
            section = fields
            out += [f"    {name} ({found[2]}): {found[3]}" for name in found[1].split(", ")]
        elif section and line.startswith(" "):
            out.append(f"    {line}")
        else:
            section = None if line.strip() else section
            out.append(line)
    return "\n".join(out)


class SpacyDocstrings(griffe.Extension):
    """Rewrites every docstring before it is parsed."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of an object.

        obj (griffe.Object): A module, class, function or attribute.
        """
        if obj.docstring:
            fields = "Args" if obj.is_function else "Attributes"
            obj.docstring.value = as_google(obj.docstring.value, fields)
