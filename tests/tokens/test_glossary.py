import spacy

from spacy_musicquery.tokens.intents import CONTROL, LISTEN, OTHER


def test_spacy_explains_our_labels():
    for label in ("MUSIC_QUERY", LISTEN, CONTROL, OTHER):
        assert spacy.explain(label)
    assert spacy.explain("ORG") == "Companies, agencies, institutions, etc."
