import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiqra import Article, Paragraph, Tagger
from fiqra.model import inference
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


def test_batches_come_in_few_widths_and_say_the_same(tiny_tagger, records):
    class Watched:
        name, batch_tokens = "watched", 256

        def run(self, batches):
            batches = list(batches)
            shapes.update(ids.shape for ids, _ in batches)
            return tiny_tagger.backend.run(batches)

    words = " ".join(record.text for record in records).split()
    encoded = inference.encode([" ".join(words[: n + 1]) for n in range(120)], tiny_tagger.tokenizer, "news")
    for size in (100, 64):
        shapes = set()
        logits = inference.run(Watched(), encoded, window=size, pad_id=tiny_tagger._pad_id)
        assert all(width == size or width % inference.WIDTH_STEP == 0 for _, width in shapes)
        assert max(width for _, width in shapes) == size
        assert all(rows * width <= 256 for rows, width in shapes)
        for own, alone in list(zip(logits, encoded, strict=True))[::15]:
            (said,) = inference.run(tiny_tagger.backend, [alone], window=size, pad_id=tiny_tagger._pad_id)
            assert said.topic == pytest.approx(own.topic, abs=1e-5)
            assert said.actor.shape == own.actor.shape and abs(said.stance - own.stance).max() < 1e-5


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
