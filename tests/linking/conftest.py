import pytest

from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex

ENTRIES = [
    Entry("a1", "artist", "周杰伦", ("Jay Chou", "周董"), (), 99.0),
    Entry("a2", "artist", "孙燕姿", (), (), 80.0),
    Entry("a3", "artist", "大壮"),
    Entry("a4", "artist", "曾春年"),
    Entry("a5", "artist", "Beyoncé"),
    Entry("t1", "title", "晴天", (), ("周杰伦",), 90.0),
    Entry("t2", "title", "晴天", (), ("孙燕姿",), 10.0),
    Entry("t3", "title", "晴天 (Live)", (), ("周杰伦",), 95.0),
    Entry("t4", "title", "稻香", (), ("周杰伦",), 70.0),
    Entry("t5", "title", "鸿雁"),
    Entry("t6", "title", "三十出头"),
    Entry("t7", "title", "香烟和爱情"),
    Entry("t8", "title", "拥抱你离去"),
    Entry("t9", "title", "常回家看看"),
    Entry("t10", "title", "2078"),
    Entry("t11", "title", "天使的翅膀"),
    Entry("t12", "title", "生生"),
    Entry("t13", "title", "省身"),
    Entry("m1", "mood", "伤感"),
    Entry("l1", "language", "粤语"),
]


@pytest.fixture(scope="session")
def index():
    return LinkIndex.build(ENTRIES)
