"""The settings of the component: what is allowed."""

from typing import Any, Dict, get_args

from ..errors import bad_setting, is_name, require_number
from ..tokens.alignment import AlignmentMode


def check_settings(name: str, settings: Dict[str, Any]) -> None:
    """Refuse settings of a wrong type or outside their range.

    name (str): The component's name, for the error.
    settings (Dict[str, Any]): What `MusicQuery.cfg` holds.
    RAISES (ValueError): If a setting has a value that is not allowed.
    """
    require_number(name, "threshold", settings["threshold"], at_least=0, at_most=1)
    # None is what a component has that it starts from.
    listen_threshold = settings["listen_threshold"]
    if listen_threshold is not None:
        setting = "listen_threshold"
        require_number(name, setting, listen_threshold, at_least=0, at_most=1)
    for switch in ("overwrite", "learn_intents"):
        if type(settings[switch]) is not bool:
            raise bad_setting(name, switch, settings[switch], "true or false")
    key = settings["spans_key"]
    if not is_name(key):
        raise bad_setting(name, "spans_key", key, "a string that is not empty")
    mode = settings["alignment_mode"]
    if mode not in get_args(AlignmentMode):
        expected = "one of " + ", ".join(get_args(AlignmentMode))
        raise bad_setting(name, "alignment_mode", mode, expected)
