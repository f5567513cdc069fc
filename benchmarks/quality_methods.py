"""Text classifiers that `quality.py` sets beside the tagger. Each learns columns of yes and no from paragraphs.

Shapes: N paragraphs, C columns: K topics, then K x S pairs of topic and stance.
"""

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

from fiqra.model import bundled
from fiqra.model.device import choose_compute
from fiqra.model.encoder import BUNDLED_HUB_ID

Floats = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]
Predict = Callable[[Sequence[str]], Floats]  # texts -> probabilities (N, C)


@dataclass(frozen=True)
class Settings:
    """What a peer needs beside its data: the encoder's folder, and how long the encoders train."""

    encoder: str
    epochs: float = 3.0  # of the sequence classifier: the library's default
    setfit_iterations: int = 2
    seed: int = 0


def encoder_folder(name: str) -> str:
    """Return the folder (or hub id) under which `transformers` finds an encoder; "bundled" is ours."""
    weights = bundled.weights_path() if name == "bundled" else None
    return str(bundled.bundled_folder(weights)) if weights else BUNDLED_HUB_ID if name == "bundled" else name


def fit_tfidf(texts: Sequence[str], truth: Truth, settings: Settings) -> Predict:
    """TF-IDF of words, pairs of words and pieces of 2 to 5 characters; a logistic regression a column."""
    features = FeatureUnion(
        [
            ("words", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"\w+")),
            ("pieces", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)),
        ]
    )
    matrix = features.fit_transform(texts)
    columns: list[LogisticRegression | float] = []
    for own in truth.T:
        if own.all() or not own.any():
            columns.append(float(own[0]))  # nothing to tell apart
        else:
            model = LogisticRegression(C=10, class_weight="balanced", max_iter=2000, random_state=settings.seed)
            columns.append(model.fit(matrix, own))

    def predict(others: Sequence[str]) -> Floats:
        found = features.transform(others)
        return np.column_stack(
            [np.full(len(others), own) if isinstance(own, float) else own.predict_proba(found)[:, 1] for own in columns]
        )

    return predict


def fit_setfit(texts: Sequence[str], truth: Truth, settings: Settings) -> Predict:
    """SetFit (Tunstall et al. 2022, arXiv:2209.11055) as the package has it: the encoder is tuned on pairs of
    paragraphs, then a logistic regression a column on its sentence vectors.

    `setfit_iterations` pairs of either kind a paragraph are drawn; the paper's 20 are for a few dozen paragraphs.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    with _no_news():
        model = SetFitModel.from_pretrained(
            settings.encoder,
            multi_target_strategy="one-vs-rest",
            head_params={"max_iter": 2000},
            device=str(choose_compute("auto", "fp32").device),
        )
    n_pairs = 2 * settings.setfit_iterations * len(texts)
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            batch_size=16,
            num_iterations=settings.setfit_iterations,
            max_steps=math.ceil(n_pairs / 16),  # without it the package lists all N * N / 2 pairs first
            seed=settings.seed,
            save_strategy="no",
            report_to="none",
        )
        data = Dataset.from_dict({"text": list(texts), "label": truth.astype(int).tolist()})
        trainer = Trainer(model=model, args=arguments, train_dataset=data)
        trainer.train()
    return lambda others: np.asarray(model.predict_proba(list(others), as_numpy=True), dtype=float)


def fit_sequence_classifier(texts: Sequence[str], truth: Truth, settings: Settings) -> Predict:
    """`AutoModelForSequenceClassification` with a sigmoid a column, under `Trainer` at its defaults."""
    import transformers
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

    tokenizer = AutoTokenizer.from_pretrained(settings.encoder)
    transformers.set_seed(settings.seed)
    with _no_news():
        model = AutoModelForSequenceClassification.from_pretrained(
            settings.encoder, num_labels=truth.shape[1], problem_type="multi_label_classification", dtype=torch.float32
        )
    limit = int(min(512, model.config.max_position_embeddings))

    def encode(batch: Sequence[str]) -> Any:
        return tokenizer(list(batch), truncation=True, max_length=limit)

    encoded = encode(texts)["input_ids"]
    data = [{"input_ids": ids, "labels": own.astype("float32")} for ids, own in zip(encoded, truth, strict=True)]
    on_cpu = choose_compute("auto", "fp32").device.type == "cpu"
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            num_train_epochs=settings.epochs,
            seed=settings.seed,
            save_strategy="no",
            report_to="none",
            use_cpu=on_cpu,
            dataloader_pin_memory=not on_cpu,
        )
        trainer = Trainer(model=model, args=arguments, train_dataset=data, processing_class=tokenizer)
        trainer.train()

    def predict(others: Sequence[str]) -> Floats:
        rows = [{"input_ids": ids} for ids in encode(others)["input_ids"]]
        return expit(np.asarray(trainer.predict(rows).predictions, dtype=float))  # type: ignore[no-any-return]

    return predict


@contextmanager
def _no_news() -> Iterator[None]:
    """Keep `transformers` from telling that a head or pooler is new."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    yield
    logging.set_verbosity(verbosity)


FITS: dict[str, Callable[[Sequence[str], Truth, Settings], Predict]] = {
    "tfidf": fit_tfidf,
    "setfit": fit_setfit,
    "classifier": fit_sequence_classifier,
}
