"""JSON that strangers wrote, parsed by srsly, or refused with a ValueError."""

from pathlib import Path
from typing import Any, Union

import srsly


def loads(data: Union[str, bytes]) -> Any:
    """Parse JSON.

    data (Union[str, bytes]): JSON; bytes are UTF-8.
    RETURNS (Any): What it holds.
    RAISES (ValueError): If it is none.
    """
    try:
        return srsly.json_loads(data)
    # ujson's parser raises this for some objects that stand where a key is expected.
    except SystemError as error:
        raise ValueError("an object has a key that is no string") from error


def read(path: Path) -> Any:
    """Read a JSON file.

    path (Path): The file.
    RETURNS (Any): What it holds.
    RAISES (ValueError): If it is none.
    RAISES (OSError): If it cannot be read.
    """
    return loads(path.read_text("utf8"))
