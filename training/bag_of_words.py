"""Fit the bag of words: TF-IDF, and a logistic regression a topic.

Shapes: N paragraphs, F features, K topics.
"""

import logging
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression

from ..model.bag_of_words import N_FEATURES, BagOfWords, count
from ..model.labels import LabelSet
from ..model.records import LabelledParagraph
from ..model.text import NORMALISATIONS

logger = logging.getLogger(__name__)

_C = 10.0  # the inverse of the strength of the penalty on the regression's weights


def fit_bag_of_words(
    records: Sequence[LabelledParagraph],
    weights: Sequence[float],
    labels: LabelSet,
    *,
    normalisation: str,
    share: float,
) -> BagOfWords:
    """Fit on labelled paragraphs, each of its weight; rounded to half precision, to be stored small."""
    counted = [count(NORMALISATIONS[normalisation](record.text).text) for record in records]
    ends = np.cumsum([0, *(len(own.features) for own in counted)])
    features, values = (np.concatenate(part) for part in zip(*counted, strict=True))
    tfidf = TfidfTransformer()
    matrix = tfidf.fit_transform(csr_matrix((values, features, ends), shape=(len(records), N_FEATURES)))
    weight = np.zeros((N_FEATURES, len(labels.topics)), dtype=np.float32)
    bias = np.zeros(len(labels.topics), dtype=np.float32)
    for k, topic in enumerate(labels.topic_ids):
        present = np.array([topic in record.topics for record in records])
        if present.all() or not present.any():
            logger.warning("topic %r is on %s of the paragraphs to train on", topic, "all" if present.all() else "none")
            bias[k] = np.log((present.sum() + 0.5) / ((~present).sum() + 0.5))
            continue
        model = LogisticRegression(C=_C, class_weight="balanced", max_iter=1000)
        model.fit(matrix, present, sample_weight=np.asarray(weights))
        weight[:, k], bias[k] = model.coef_[0], model.intercept_[0]
    rounded = (part.astype(np.float16).astype(np.float32) for part in (tfidf.idf_, weight, bias))
    return BagOfWords(share, *rounded)
