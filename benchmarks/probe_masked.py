"""How much of the stance can be told from the words alone: a linear model that does not know whose stance is asked.

It sees the paragraph with every mention of the actor replaced by one mask, and the topic; bags of words keep no more
of where the mask stands than its neighbours. What a tagger reaches beyond it, it owes to knowing who holds what.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from fiqra.model.labels import LabelSet
from fiqra.model.records import LabelledParagraph, Position
from fiqra.model.text import normalise_news
from fiqra.training.metrics import StanceAnswer

MASK = "MASKED"


def masked(text: str, position: Position) -> str:
    """Return the text with the actor's words replaced, wherever they stand, and normalised."""
    return normalise_news(text.replace(position.actor.text, MASK) if position.actor else text).text


class MaskedText:
    """TF-IDF of words and pairs of words, and logistic regression; the topic is told by a feature and by a copy of
    every word's feature that is the topic's own (Daumé III 2007, arXiv:0907.1815).
    """

    def __init__(self, labels: LabelSet) -> None:
        self.labels = labels
        self.words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"\w+")
        self.model = LogisticRegression(C=10, class_weight="balanced", max_iter=2000)

    def fit(self, records: Sequence[LabelledParagraph]) -> "MaskedText":
        asked = [(record, position) for record in records for position in record.positions]
        self.words.fit([masked(record.text, position) for record, position in asked])
        self.model.fit(self._features(asked), [position.stance for _, position in asked])
        return self

    def answer(self, records: Sequence[LabelledParagraph]) -> list[StanceAnswer]:
        """Return a stance for each gold position, in the order of `fiqra.training.evaluate.answer`."""
        places = [(i, record, position) for i, record in enumerate(records) for position in record.positions]
        found = self.model.predict(self._features([(record, position) for _, record, position in places]))
        return [StanceAnswer(i, p.topic, p.stance, str(own)) for (i, _, p), own in zip(places, found, strict=True)]

    def _features(self, asked: Sequence[tuple[LabelledParagraph, Position]]) -> csr_array:
        words = csr_array(self.words.transform([masked(record.text, position) for record, position in asked]))
        topic = np.array([self.labels.topic_index(position.topic) for _, position in asked])
        blocks = [words, np.eye(len(self.labels.topics))[topic]]
        blocks += [words.multiply((topic == k).astype(float)[:, None]) for k in range(len(self.labels.topics))]
        return csr_array(hstack([csr_array(block) for block in blocks]))


def usual_stances(train: Sequence[LabelledParagraph], records: Sequence[LabelledParagraph]) -> list[StanceAnswer]:
    """Answer each gold position with its topic's most frequent stance in the training set."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for position in (p for record in train for p in record.positions):
        seen[position.topic][position.stance] += 1
    usual = {topic: counts.most_common(1)[0][0] for topic, counts in seen.items()}
    return [StanceAnswer(i, p.topic, p.stance, usual[p.topic]) for i, r in enumerate(records) for p in r.positions]
