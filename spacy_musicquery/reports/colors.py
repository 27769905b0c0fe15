"""What displaCy paints queries with."""

DISPLACY_COLORS = {"MUSIC_QUERY": "#7fd1ae"}
