"""The loss: topics, actors and stances, each a weighted mean over what it is about.

Shapes: B paragraphs, L tokens, K topics, S stances, M holders.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..model.decode import NEW_ACTOR
from ..model.labels import LabelSet
from ..model.network import N_TAGS, Logits
from ..model.records import LabelledParagraph
from .config import LossConfig
from .dataset import IGNORED

WRONG_ACTOR = 0.3  # how likely a token must be in an actor to be taken for one


@dataclass(frozen=True)
class ClassWeights:
    """How much each label counts, from its share in the training set: the rare ones more, by `balance`."""

    topic: Tensor  # (K,): of a present topic beside an absent one
    tag: Tensor  # (3,)
    stance: Tensor  # (1 + S,)

    @classmethod
    def from_records(cls, records: Sequence[LabelledParagraph], labels: LabelSet, config: LossConfig) -> "ClassWeights":
        n_topic = np.array([sum(topic in record.topics for record in records) for topic in labels.topic_ids])
        present = np.maximum(n_topic, 1)
        topic = (np.maximum(len(records) - n_topic, 1) / present) ** config.balance
        stances = [position.stance for record in records for position in record.positions]
        n_stance = np.array([max(1, stances.count(stance)) for stance in labels.stance_ids])
        stance = (n_stance.max() / n_stance) ** config.balance
        return cls(
            torch.tensor(topic, dtype=torch.float32),
            torch.tensor([1.0, 2.0, 1.5][:N_TAGS]),
            torch.tensor([config.no_position, *stance], dtype=torch.float32),
        )


def tagging_loss(
    logits: Sequence[Logits], batch: dict[str, Tensor], weights: ClassWeights, config: LossConfig
) -> Tensor:
    """Return the batch's loss, a scalar: the mean over sets of heads. `batch` is as `Collator` gives it."""
    return torch.stack([_loss(own, batch, weights, config) for own in logits]).mean()


def _loss(logits: Logits, batch: dict[str, Tensor], weights: ClassWeights, config: LossConfig) -> Tensor:
    example = batch["weights"]
    device = example.device
    topic = functional.binary_cross_entropy_with_logits(
        logits.topic.float(), batch["topics"], pos_weight=weights.topic.to(device), reduction="none"
    ).mean(-1)  # (B,)
    topic_loss = (topic * example).sum() / example.sum()

    tags = batch["tags"]
    tag = functional.cross_entropy(
        logits.actor.float().flatten(0, 1), tags.flatten(), ignore_index=IGNORED, reduction="none"
    ).view_as(tags)  # (B, L)
    asked = torch.where(batch["topics"].any(-1), 1.0, config.actor_off_topic) * example  # (B,)
    seen = (tags != IGNORED) * weights.tag.to(device)[tags.clamp(min=0)] * asked[:, None]
    actor_loss = (tag * seen).sum() / seen.sum().clamp(min=1)

    return config.topic * topic_loss + config.actor * actor_loss + config.stance * _stance_loss(logits, batch, weights)


def _stance_loss(logits: Logits, batch: dict[str, Tensor], weights: ClassWeights) -> Tensor:
    holders = torch.cat([batch["holders"], wrong_actors(logits, batch)])  # (M, 3 + K)
    rows, columns = holders[:, 0], holders[:, 3:]
    place = torch.arange(logits.stance.shape[1], device=holders.device)
    inside = (place >= holders[:, 1:2]) & (place < holders[:, 2:3])  # (M, L)
    share = inside.float() / inside.sum(-1, keepdim=True)
    stance = torch.einsum("ml,mlks->mks", share, logits.stance.float()[rows])  # (M, K, 1 + S)
    loss = functional.cross_entropy(stance.flatten(0, 1), columns.flatten(), reduction="none").view_as(columns)
    about = 0.2 + 0.8 * batch["topics"][rows]  # a topic that is off is seldom asked about
    weight = weights.stance.to(loss.device)[columns] * about * batch["weights"][rows][:, None]  # (M, K)
    return (loss * weight).sum() / weight.sum().clamp(min=1)


def wrong_actors(logits: Logits, batch: dict[str, Tensor]) -> Tensor:
    """Return as holders of no position (M', 3 + K) the actors that the network marks and that no gold actor touches.

    Without them the stance head would only ever see true holders, and would find a stance for whoever is marked.
    """
    probs = logits.actor.detach().float().softmax(-1)  # (B, L, 3)
    marked = probs[..., 1:].sum(-1) >= WRONG_ACTOR
    apart = probs[..., 1] >= NEW_ACTOR * probs[..., 2]  # as in decoding, but for words: where they begin is not known
    opens = marked & (~functional.pad(marked, (1, -1)) | apart)
    closes = marked & functional.pad(~marked | opens, (-1, 1), value=True)
    rows, first = opens.nonzero(as_tuple=True)
    last = closes.nonzero(as_tuple=True)[1]
    gold = functional.pad((batch["tags"] != 0).cumsum(-1), (1, 0))  # tokens of gold actors before each token
    free = gold[rows, last + 1] == gold[rows, first]
    spans = torch.stack([rows, first, last + 1], dim=-1)[free]
    return functional.pad(spans, (0, batch["topics"].shape[1]))
