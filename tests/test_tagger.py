import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiqra import Article, Paragraph, Tagger
from fiqra.model.errors import TaggerError

TEXTS = st.lists(
    st.text(
        st.one_of(
            st.sampled_from("ابتثجحخدذرزسشصضطظعغفقكلمنهويأإآةىؤئء وال «»\"'().،؟ـًّ٠١٢AFP12\u200f\u202b\u200cکیگ"),
            st.characters(exclude_categories=["Cs"]),
        ),
        max_size=120,
    ),
    min_size=1,
    max_size=4,
)


def article(*texts):
    return Article("a", tuple(Paragraph(i, text) for i, text in enumerate(texts)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=TEXTS)
def test_whatever_comes_in_an_actor_is_quoted_from_it(tiny_tagger, texts):
    tagged = tiny_tagger.tag(article(*texts))
    assert [t.text for t in tagged] == texts
    for paragraph in tagged:
        assert set(paragraph.topic_probs) == set(tiny_tagger.labels.topic_ids)
        for position in paragraph.positions:
            assert position.topic in paragraph.topics
            if position.actor:
                assert paragraph.text[position.actor.start : position.actor.end] == position.actor.text != ""


def test_a_batch_says_what_single_paragraphs_say_in_any_order(tiny_tagger, records):
    texts = [record.text for record in records]
    single = [tiny_tagger.tag(article(text))[0] for text in texts]
    for order in (range(len(texts)), reversed(range(len(texts)))):
        order = list(order)
        for i, tagged in zip(order, tiny_tagger.tag(article(*(texts[i] for i in order))), strict=True):
            assert tagged.topics == single[i].topics
            assert tagged.topic_probs == pytest.approx(single[i].topic_probs, abs=1e-5)
            assert [(p.actor, p.topic, p.stance) for p in tagged.positions] == [
                (p.actor, p.topic, p.stance) for p in single[i].positions
            ]


def test_a_saved_tagger_gives_identical_probabilities(tiny_tagger, records, tmp_path):
    texts = [record.text for record in records]
    tiny_tagger.save_pretrained(tmp_path / "saved", extra_files={"README.md": "x"})
    loaded = Tagger.from_pretrained(tmp_path / "saved", device="cpu", precision="fp32", backend="torch")
    assert [t.to_json() for t in loaded.tag(article(*texts))] == [t.to_json() for t in tiny_tagger.tag(article(*texts))]
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == [
        "README.md", "config.json", "model.safetensors", "tokenizer.json",
    ]  # fmt: skip
    assert not list(tmp_path.glob(".tagger-*"))


def test_one_text_is_a_list_of_paragraphs_and_several_are_a_list_of_lists(tiny_tagger):
    assert [t.para for t in tiny_tagger.tag("أ ب.\nج د.")] == [0, 1]
    assert [len(tagged) for tagged in tiny_tagger.tag(["أ ب.\nج د.", article("هـ"), ""])] == [2, 1, 0]
    twice = article("هـ", "و")
    assert [len(tagged) for tagged in tiny_tagger.tag([twice, twice])] == [2, 2]
    with pytest.raises(TypeError, match="expected a str or an Article"):
        tiny_tagger.tag([3])


def test_a_paragraph_longer_than_the_window_is_read_to_its_end(tiny_tagger, records):
    long = " ".join(record.text for record in records[:8])
    (tagged,) = tiny_tagger.tag(article(long))
    ends = [position.actor.end for position in tagged.positions if position.actor]
    assert max(ends) > 0.8 * len(long)
    short = tiny_tagger.tag(article(records[0].text))[0]
    assert tagged.text == long
    assert set(short.topic_probs) == set(tagged.topic_probs)


def test_a_damaged_folder_is_named(tiny_tagger, tmp_path):
    tiny_tagger.save_pretrained(tmp_path / "t")
    for name, content, said in (
        ("model.safetensors", "junk", "damaged"),
        ("config.json", "{", "damaged"),
        ("config.json", json.dumps({"format": 99}), "format 99"),
        ("tokenizer.json", None, "tokenizer.json is missing"),
    ):
        broken = tmp_path / "broken"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(tmp_path / "t", broken)
        (broken / name).unlink() if content is None else (broken / name).write_text(content)
        with pytest.raises(TaggerError, match=said):
            Tagger.from_pretrained(broken)
    with pytest.raises(TaggerError, match=r"no tagger 'fiqra-min'"):
        Tagger.from_pretrained("fiqra-min")


def test_a_device_that_is_not_there_is_an_error(tiny_tagger, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one here")
    tiny_tagger.save_pretrained(tmp_path / "t")
    from fiqra.model.errors import FiqraError

    with pytest.raises(FiqraError, match="device 'cuda' was asked for"):
        Tagger.from_pretrained(tmp_path / "t", device="cuda")
