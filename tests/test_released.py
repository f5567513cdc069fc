"""The shipped tagger on the sample articles, by the meaning of what they say."""

import pytest

from fiqra import Tagger
from fiqra.articles import ArticleReader
from fiqra.model.bundled import weights_path

pytestmark = pytest.mark.skipif(weights_path() is None, reason="the bundled encoder is not installed here")


@pytest.fixture(scope="module")
def tagger():
    return Tagger.from_pretrained("fiqra-mini", device="cpu")


def test_its_folder_is_small_and_holds_no_pickle(root):
    folder = root / "model/released/fiqra-mini"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 12e6
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".safetensors", ".md", ".yaml"}


def test_the_sample_articles_come_out_sensibly(tagger, root):
    tagged = {article.id: tagger.tag(article) for article in ArticleReader([str(root / "data/articles")])}
    found = {name: {topic for t in own for topic in t.topics} for name, own in tagged.items()}
    assert "ceasefire" in found["01_hasaka_ceasefire.txt"]
    assert "detainees" in found["02_prisons_and_camps.txt"]
    assert "border_security" in found["03_border_wall.html"]
    assert "diplomacy" in found["04_baghdad_diplomacy.txt"]
    assert {"ceasefire", "detainees"} <= found["sample-05"]
    market = tagged["06_dollar_market.txt"]
    assert sum(bool(t.topics) for t in market) <= len(market) / 3


@pytest.mark.parametrize(
    ("text", "topic", "actor", "stance"),
    [
        ("دعا وزير الخارجية العراقي إلى وقف إطلاق النار في سوريا.", "ceasefire", "وزير الخارجية العراقي", "favor"),
        ("رفضت حركة حماس مقترح الهدنة الأخير.", "ceasefire", "حماس", "against"),
        (
            "التقى الرئيس المصري نظيره التركي في القاهرة وبحثا العلاقات الثنائية.",
            "diplomacy",
            "الرئيس المصري",
            "neutral",
        ),
    ],
)
def test_plain_positions_are_found(tagger, text, topic, actor, stance):
    (tagged,) = tagger.tag(text)
    assert topic in tagged.topics
    positions = [p for p in tagged.positions if p.topic == topic and p.actor and actor in p.actor.text]
    assert [p.stance for p in positions] == [stance]
