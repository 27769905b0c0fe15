"""What MkDocs fills in as it builds the site: the commands, as they explain themselves, and
every message with its number."""

import inspect
import re
from html import escape
from typing import Any, Iterator, List

import typer

from spacy_musicquery.cli import app
from spacy_musicquery.errors import Errors, Warnings

COMMANDS = "<!-- commands -->"
MESSAGES = "<!-- messages -->"


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    """Fill in what a page leaves to this file.

    markdown (str): The page.
    RETURNS (str): The page with the tables in place of their markers.
    """
    if COMMANDS in markdown:
        markdown = markdown.replace(COMMANDS, "\n".join(_commands()))
    if MESSAGES in markdown:
        markdown = markdown.replace(MESSAGES, "\n".join(_messages()))
    return markdown


def _commands() -> Iterator[str]:
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        shown = [p for p in command.params if not getattr(p, "hidden", False)]
        usage = [_name(p) for p in shown if p.param_type_name == "argument"]
        yield f"## {name}\n"
        yield f"```text\npython -m spacy music-query {name} {' '.join([*usage, '[OPTIONS]'])}\n```\n"
        # Click marks with \b what it must not wrap; indented lines are code to Markdown.
        yield inspect.cleandoc(command.help or "").replace("\b", "")
        yield "\n| | | default |\n| --- | --- | --- |"
        yield from map(_row, shown)
        yield ""


def _name(argument: Any) -> str:
    return argument.metavar or argument.name.upper()


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        names = [_name(parameter)]
    else:
        names = [*parameter.opts, *parameter.secondary_opts]
    default = parameter.default
    shown = "" if default is None or default == () or callable(default) else f"`{default}`"
    if parameter.required:
        shown = "required"
    cells = [" ".join(f"`{name}`" for name in names), getattr(parameter, "help", ""), shown]
    return "| " + " | ".join((cell or "").replace("|", "\\|") for cell in cells) + " |"


def _messages() -> Iterator[str]:
    for title, catalogue in (("Errors", Errors), ("Warnings", Warnings)):
        yield f"## {title}\n"
        names = [name for name in vars(catalogue) if name.startswith("MQ")]
        for name in sorted(names):
            yield f'<a id="{name.lower()}"></a>**{name}** {_shown(getattr(catalogue, name))}\n'


def _shown(message: str) -> str:
    """A template as text: its fields as words in italics."""
    text = re.sub(r"^\[MQ\d+\] ", "", message)
    pieces: List[str] = []
    for piece in re.split(r"(\{\{|\}\}|\{\w+[^}]*\})", text):
        if piece in ("{{", "}}"):
            pieces.append(piece[0])
        elif piece.startswith("{"):
            name = re.split(r"\W", piece[1:])[0]
            pieces.append(f"<em>{name}</em>")
        else:
            pieces.append(re.sub(r"([*_\[\]`#])", r"\\\1", escape(piece, quote=False)))
    return "".join(pieces).replace("\n", " ")
