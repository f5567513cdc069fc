"""The corpus keeps to the format, and its splits share no document."""

from fiqra.training.dataset import read_labelled


def test_every_record_is_right_and_documents_stay_in_one_split(root, labels):
    splits = {split: read_labelled(root / f"data/corpus/{split}.jsonl", labels) for split in ("train", "dev", "test")}
    records = [record for split in splits.values() for record in split]
    assert len(records) >= 1200
    assert len({record.id for record in records}) == len({record.text for record in records}) == len(records)
    docs = [{record.doc for record in split} for split in splits.values()]
    assert not docs[0] & docs[1] and not docs[0] & docs[2] and not docs[1] & docs[2]
    assert len(set().union(*docs)) >= 160
    for topic in labels.topic_ids:
        assert sum(topic in record.topics for record in records) >= 250


def test_the_two_of_a_contrast_pair_are_labelled_otherwise(root, labels):
    records = read_labelled(root / "data/contrast/pairs.jsonl", labels)
    for first, second in zip(records[::2], records[1::2], strict=True):
        assert first.doc == second.doc and first.text != second.text
        answers = [
            (set(r.topics), {(p.actor and p.actor.text, p.topic, p.stance) for p in r.positions})
            for r in (first, second)
        ]
        assert answers[0] != answers[1], first.doc
