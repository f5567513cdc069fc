"""The network: one encoder pass, then a topic head, an actor head and a stance head.

Shapes: B paragraphs, L tokens, H encoder width, D head width, K topics, S stances.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel

N_TAGS = 3  # outside, begin, inside


class Logits(NamedTuple):
    """What the network says, before any sigmoid or softmax."""

    topic: Tensor  # (B, K)
    actor: Tensor  # (B, L, 3): outside, begin, inside
    stance: Tensor  # (B, L, K, 1 + S): column 0 is "no position"; token 0 stands for the implied holder


class TaggerNetwork(nn.Module):
    """Encoder and three heads.

    Each topic has a query that attends over the tokens (label-wise attention, Mullenbach et al. 2018,
    arXiv:1802.05695) and gives a topic vector. The actor head marks each token as outside, begin or inside. The
    stance head joins every token with every topic vector; an actor's stance is the mean over its tokens, and the
    implied holder's is that of the first (special) token.
    """

    def __init__(
        self, encoder: "PreTrainedModel", *, n_topics: int, n_stances: int, head_width: int = 256, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.encoder = encoder
        hidden = int(encoder.config.hidden_size)
        self.heads = nn.ModuleDict(
            {
                "standardise": Standardise(hidden),
                "topic": TopicHead(hidden, head_width, n_topics, dropout),
                "actor": nn.Sequential(
                    nn.Dropout(dropout), nn.Linear(hidden, head_width), nn.GELU(), nn.Linear(head_width, N_TAGS)
                ),
                "stance": StanceHead(hidden, head_width, n_stances, dropout),
            }
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Logits:
        """Both arguments (B, L), integers; the mask is 1 for tokens and 0 for padding."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (B, L, H)
        states = self.heads["standardise"](states)
        topic_logits, topic_vectors = self.heads["topic"](states, attention_mask)
        return Logits(topic_logits, self.heads["actor"](states), self.heads["stance"](states, topic_vectors))


class Standardise(nn.Module):
    """Take the pretrained encoder's mean from its states and divide by its deviation, both fixed.

    A sentence encoder's states share one large component; heads learn several times faster without it.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(hidden))
        self.register_buffer("deviation", torch.ones(hidden))

    def fit(self, states: Tensor) -> None:
        """Set mean and deviation from a sample of token states (N, H)."""
        self.mean.copy_(states.mean(0))
        self.deviation.copy_(states.std(0).clamp(min=1e-3))

    def forward(self, states: Tensor) -> Tensor:
        return (states - self.mean) / self.deviation


class TopicHead(nn.Module):
    """Label-wise attention: a query a topic, a topic vector, a logit.

    The queries start at zero, so each topic's vector starts from the mean of the tokens; that mean is kept beside
    what the attention picks out.
    """

    def __init__(self, hidden: int, width: int, n_topics: int, dropout: float) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.zeros(n_topics, width))
        self.key = nn.Linear(hidden, width)
        self.value = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)
        self.weight = nn.Parameter(torch.randn(n_topics, width) * width**-0.5)
        self.bias = nn.Parameter(torch.zeros(n_topics))

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return topic logits (B, K) and topic vectors (B, K, D)."""
        states = self.dropout(states)
        scores = self.key(states) @ self.queries.T  # (B, L, K)
        scores = scores.masked_fill(mask[..., None] == 0, torch.finfo(scores.dtype).min)
        picked = scores.softmax(dim=1).transpose(1, 2) @ states  # (B, K, H)
        mean = (states * mask[..., None]).sum(1, keepdim=True) / mask.sum(1)[:, None, None]  # (B, 1, H)
        vectors = self.dropout(nn.functional.gelu(self.value(picked + mean)))  # (B, K, D)
        return (vectors * self.weight).sum(-1) + self.bias, vectors


class StanceHead(nn.Module):
    """Every token with every topic vector -> {no position, stances}."""

    def __init__(self, hidden: int, width: int, n_stances: int, dropout: float) -> None:
        super().__init__()
        self.token = nn.Linear(hidden, width)
        self.topic = nn.Linear(width, width)
        self.gate = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, 1 + n_stances)

    def forward(self, states: Tensor, topic_vectors: Tensor) -> Tensor:
        """Return stance logits (B, L, K, 1 + S)."""
        token = self.token(self.dropout(states))[:, :, None]  # (B, L, 1, D)
        topic = self.topic(topic_vectors)[:, None]  # (B, 1, K, D)
        gate = self.gate(topic_vectors).sigmoid()[:, None]  # (B, 1, K, D)
        return self.out(nn.functional.gelu(token * gate * 2 + topic))  # type: ignore[no-any-return]
