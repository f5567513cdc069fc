import json

import numpy as np
import pytest

from fiqra.model.errors import DataError
from fiqra.model.inference import encode
from fiqra.training.dataset import (
    IGNORED,
    Collator,
    TokenBatchSampler,
    build_dataset,
    example,
    read_labelled,
    sample_off_topic,
)


def test_mistakes_are_told_with_their_lines(tmp_path, labels):
    good = {"id": "a", "doc": "d", "para": 0, "text": "نص", "topics": [], "positions": []}
    lines = [json.dumps(good), "{", json.dumps({**good, "id": "b", "topics": ["ceasfire"]}), json.dumps(good)]
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError) as error:
        read_labelled(path, labels)
    assert [line.split(": ")[0] for line in str(error.value).split("\n")] == [f"{path}:{n}" for n in (2, 3, 4)]
    assert "unknown topic 'ceasfire' (did you mean 'ceasefire'?)" in str(error.value)
    assert "stands on line 1 already" in str(error.value)
    path.write_text("\n")
    with pytest.raises(DataError, match="holds no record"):
        read_labelled(path, labels)


def test_tags_and_holders_point_at_the_actors_tokens(records, tiny_tagger, labels):
    for record, enc in zip(records, encode([r.text for r in records], tiny_tagger.tokenizer, "news"), strict=True):
        ex = example(record, enc, labels, 1.0)
        assert ex["tags"][0] == ex["tags"][-1] == IGNORED
        holders = {(first, last): columns for first, last, *columns in ex["holders"]}
        for position in record.positions:
            if position.actor is None:
                columns = holders[0, 1]
            else:
                span = next(
                    span for span in holders
                    if span != (0, 1) and enc.spans[span[0]][0] <= position.actor.start < enc.spans[span[0]][1]
                    and enc.spans[span[1] - 1][0] < position.actor.end <= enc.spans[span[1] - 1][1]
                )  # fmt: skip
                columns = holders[span]
                assert ex["tags"][span[0]] in (1, 2)
            assert columns[labels.topic_index(position.topic)] == labels.stance_column(position.stance)


def test_of_paragraphs_without_a_topic_a_share_stands_for_all(records):
    many = records * 5
    without = {i for i, record in enumerate(many) if not record.topics}
    weights = [2.0] * len(many)
    assert sample_off_topic(many, weights, share=1.0, seed=1) == (list(range(len(many))), weights)
    rows, drawn_weights = sample_off_topic(many, weights, share=0.25, seed=1)
    drawn = [i for i in rows if i in without]
    assert rows == sorted(rows) and set(rows) >= set(range(len(many))) - without
    assert len(drawn) == -(-len(without) // 4)
    by_row = dict(zip(rows, drawn_weights, strict=True))
    assert sum(by_row[i] for i in drawn) == pytest.approx(2.0 * len(without))
    assert all(by_row[i] == 2.0 for i in rows if i not in without)
    assert sample_off_topic(many, weights, share=0.25, seed=2)[0] != rows
    with_topics = [record for record in records if record.topics]
    assert sample_off_topic(with_topics, [1.0] * len(with_topics), share=0.25, seed=1)[0] == [*range(len(with_topics))]


def test_batches_hold_every_paragraph_once_within_the_budget():
    lengths = np.random.default_rng(0).integers(5, 120, 300)
    sampler = TokenBatchSampler(lengths, batch_tokens=512, seed=1)
    orders = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler)
        assert sorted(i for batch in batches for i in batch) == list(range(300))
        assert all(max(lengths[batch]) * len(batch) <= 512 for batch in batches)
        padded = sum(max(lengths[batch]) * len(batch) for batch in batches)
        assert padded < 1.1 * lengths.sum()
        orders.append(batches)
    assert orders[0] != orders[1]
    sampler.set_epoch(0)
    assert list(sampler) == orders[0]
    assert len(TokenBatchSampler(lengths, batch_tokens=512, seed=1, n_processes=4)) % 4 == 0


def test_a_batch_is_padded_and_names_each_holders_row(records, tiny_tagger, labels):
    encoded = encode([r.text for r in records], tiny_tagger.tokenizer, "news")
    dataset, n_long = build_dataset(records, encoded, [1.0] * len(records), labels=labels, window=64)
    assert n_long == sum(len(own.ids) > 64 for own in encoded) > 0
    batch = Collator(1)([dataset[0], dataset[5]])
    assert batch["input_ids"].shape == batch["attention_mask"].shape == batch["tags"].shape
    assert batch["topics"].shape == (2, 4)
    assert set(batch["holders"][:, 0].tolist()) == {0, 1}
    assert (batch["tags"][batch["attention_mask"] == 0] == IGNORED).all()
