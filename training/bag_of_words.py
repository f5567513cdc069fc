"""Fit the bag of words: TF-IDF, and a logistic regression a topic.

Shapes: N paragraphs, F features, K topics.
"""

import logging
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix, diags_array
from scipy.sparse.linalg import norm
from sklearn.linear_model import LogisticRegression

from ..model.bag_of_words import N_FEATURES, BagOfWords, Floats, WordCounts, divisor
from ..model.labels import LabelSet
from ..model.records import LabelledParagraph

logger = logging.getLogger(__name__)

_C = 10.0  # the inverse of the strength of the penalty on the regression's weights
_LEAST = 2  # paragraphs that a feature stands in, to count
_SHORT = 0.25  # of the paragraphs, the shortest, are not made as long as the others


def fit_bag_of_words(
    counts: Sequence[WordCounts],
    records: Sequence[LabelledParagraph],
    weights: Sequence[float],
    labels: LabelSet,
    *,
    share: float,
) -> BagOfWords:
    """Fit on labelled paragraphs, each of its weight; rounded to half precision, to be stored small."""
    ends = np.cumsum([0, *(len(own.features) for own in counts)])
    features, values = (np.concatenate(part) for part in zip(*counts, strict=True))
    matrix = csr_matrix((values, features, ends), shape=(len(records), N_FEATURES))
    idf = _rounded(_idf(matrix))
    matrix = matrix @ diags_array(idf)
    lengths = norm(matrix, axis=1)
    least_length = _rounded(np.quantile(lengths, [_SHORT]))
    matrix = diags_array(1 / divisor(lengths, least_length)) @ matrix
    weight = np.zeros((N_FEATURES, len(labels.topics)))
    bias = np.zeros(len(labels.topics))
    for k, topic in enumerate(labels.topic_ids):
        present = np.array([topic in record.topics for record in records])
        if present.all() or not present.any():
            logger.warning("topic %r is on %s of the paragraphs to train on", topic, "all" if present.all() else "none")
            bias[k] = np.log((present.sum() + 0.5) / ((~present).sum() + 0.5))
            continue
        model = LogisticRegression(C=_C, class_weight="balanced", max_iter=1000)
        model.fit(matrix, present, sample_weight=np.asarray(weights))
        weight[:, k], bias[k] = model.coef_[0], model.intercept_[0]
    return BagOfWords(share, idf, _rounded(weight), _rounded(bias), least_length)


def _idf(matrix: csr_matrix) -> Floats:
    """Return inverse document frequencies (F,), smoothed; 0 for a feature too rare to be learnt from.

    A feature that says nothing must not count in the length of a paragraph's vector either: paragraphs of new words
    would be told apart less well than those that were trained on.
    """
    n, n_with = matrix.shape[0], np.bincount(matrix.indices, minlength=N_FEATURES)
    idf = np.log((1 + n) / (1 + n_with)) + 1
    return np.where(n_with >= _LEAST, idf, 0)


def _rounded(array: "np.ndarray[tuple[int, ...], np.dtype[np.floating]]") -> Floats:
    return array.astype(np.float16).astype(np.float32)
