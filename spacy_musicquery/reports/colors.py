"""What queries are painted with."""

from zlib import crc32

DISPLACY_COLORS = {"MUSIC_QUERY": "#7fd1ae"}
# For labels of one's own: light enough for dark letters.
_OTHERS = ("#9fc9f3", "#f5c97a", "#d7b8f0", "#f3a9a4", "#c5dd86", "#8fd6dd", "#e8b7cf")


def label_color(label: str) -> str:
    """Choose the colour of a label.

    label (str): Any label.
    RETURNS (str): A colour of CSS, the same for a label wherever it is painted.
    """
    return DISPLACY_COLORS.get(label) or _OTHERS[crc32(label.encode()) % len(_OTHERS)]
