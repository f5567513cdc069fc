"""The network: one encoder pass, then a topic head, an actor head and a stance head.

Shapes: B paragraphs, L tokens, H encoder width, D head width, K topics, S stances.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel

N_TAGS = 3  # outside, begin, inside
NEAR = 8  # tokens to either side of a token that count as its neighbourhood


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

    The heads read the encoder after a third, two thirds and all of its layers: what marks a name and its part in the
    sentence is plainest half way up (Tenney et al. 2019, arXiv:1905.05950), and all the more so in an encoder whose
    last layers were tuned for sentence similarity.
    """

    def __init__(
        self, encoder: "PreTrainedModel", *, n_topics: int, n_stances: int, head_width: int = 256, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.encoder = encoder
        n_layers = int(encoder.config.num_hidden_layers)
        self.read_layers = sorted({math.ceil(n_layers * third / 3) for third in (1, 2, 3)})
        hidden = int(encoder.config.hidden_size) * len(self.read_layers)
        self.heads = nn.ModuleDict(
            {
                "standardise": Standardise(hidden),
                "topic": TopicHead(hidden, head_width, n_topics, dropout),
                "actor": ActorHead(hidden, head_width, dropout),
                "stance": StanceHead(hidden, head_width, n_stances, dropout),
            }
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Logits:
        """Both arguments (B, L), integers; the mask is 1 for tokens and 0 for padding."""
        return self.read(self.states(input_ids, attention_mask), attention_mask)

    def read(self, states: Tensor, attention_mask: Tensor) -> Logits:
        """Apply the heads to the encoder's token states, which `states` returns."""
        states = self.heads["standardise"](states)
        topic_logits, topic_vectors = self.heads["topic"](states, attention_mask)
        return Logits(
            topic_logits,
            self.heads["actor"](states, attention_mask),
            self.heads["stance"](states, attention_mask, topic_vectors),
        )

    def states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the token states (B, L, H) that the heads read: those of `read_layers`, side by side."""
        out = self.encoder(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        return torch.cat([out.hidden_states[layer] for layer in self.read_layers], dim=-1)


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


class FeatureDropout(nn.Module):
    """Dropout of whole features, the same for every token of a paragraph (Gal & Ghahramani 2016, arXiv:1512.05287).

    Few random numbers are drawn for it; one for each value would take a third of a head's time on a CPU.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, states: Tensor) -> Tensor:
        """`states` (B, …, H)."""
        if not self.training or self.p == 0:
            return states
        shape = (states.shape[0], *[1] * (states.ndim - 2), states.shape[-1])
        return states * nn.functional.dropout(states.new_ones(shape), self.p)


class TopicHead(nn.Module):
    """Label-wise attention: a query a topic, a topic vector, a logit.

    The queries start at zero, so each topic's vector starts from the mean of the tokens; that mean is kept beside
    what the attention picks out.
    """

    def __init__(self, hidden: int, width: int, n_topics: int, dropout: float) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.zeros(n_topics, hidden))
        self.value = nn.Linear(hidden, width)
        self.dropout = FeatureDropout(dropout)
        self.weight = nn.Parameter(torch.randn(n_topics, width) * width**-0.5)
        self.bias = nn.Parameter(torch.zeros(n_topics))

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return topic logits (B, K) and topic vectors (B, K, D)."""
        states = self.dropout(states)
        scores = states @ self.queries.T  # (B, L, K)
        scores = scores.masked_fill(mask[..., None] == 0, torch.finfo(scores.dtype).min)
        picked = scores.softmax(dim=1).transpose(1, 2) @ states  # (B, K, H)
        vectors = self.dropout(nn.functional.gelu(self.value(picked + _mean(states, mask))))  # (B, K, D)
        return (vectors * self.weight).sum(-1) + self.bias, vectors


class Context(nn.Module):
    """A token's state beside the mean of its neighbourhood and the mean of the paragraph."""

    def __init__(self, hidden: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = FeatureDropout(dropout)
        self.down = nn.Linear(hidden, width)
        self.join = nn.Linear(3 * width, width)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return (B, L, D) for states (B, L, H) and mask (B, L)."""
        token = nn.functional.gelu(self.down(self.dropout(states)))
        real = mask[..., None].to(token.dtype)  # (B, L, 1)
        near = _near(token * real) / _near(real).clamp(min=1e-6)
        whole = _mean(token, mask).expand_as(token)
        return nn.functional.gelu(self.join(torch.cat([token, near, whole], dim=-1)))


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    """Return the mean (B, 1, H) over a paragraph's tokens, padding left out."""
    return (states * mask[..., None]).sum(1, keepdim=True) / mask.sum(1)[:, None, None]


def _near(states: Tensor) -> Tensor:
    """Return for each token the mean over `NEAR` tokens to either side, what is outside the paragraph being 0."""
    pooled = nn.functional.avg_pool1d(states.transpose(1, 2), 2 * NEAR + 1, stride=1, padding=NEAR)
    return pooled.transpose(1, 2)


class ActorHead(nn.Module):
    """Every token -> {outside, begin, inside}."""

    def __init__(self, hidden: int, width: int, dropout: float) -> None:
        super().__init__()
        self.context = Context(hidden, width, dropout)
        self.dropout = FeatureDropout(dropout)
        self.out = nn.Linear(width, N_TAGS)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return tag logits (B, L, 3)."""
        return self.out(self.dropout(self.context(states, mask)))  # type: ignore[no-any-return]


class StanceHead(nn.Module):
    """Every token with every topic vector -> {no position, stances}."""

    def __init__(self, hidden: int, width: int, n_stances: int, dropout: float) -> None:
        super().__init__()
        self.context = Context(hidden, width, dropout)
        self.topic = nn.Linear(width, width)
        self.gate = nn.Linear(width, width)
        self.dropout = FeatureDropout(dropout)
        self.out = nn.Linear(width, 1 + n_stances)

    def forward(self, states: Tensor, mask: Tensor, topic_vectors: Tensor) -> Tensor:
        """Return stance logits (B, L, K, 1 + S)."""
        token = self.context(states, mask)[:, :, None]  # (B, L, 1, D)
        topic = self.topic(topic_vectors)[:, None]  # (B, 1, K, D)
        gate = self.gate(topic_vectors).sigmoid()[:, None]  # (B, 1, K, D)
        return self.out(self.dropout(nn.functional.gelu(token * gate * 2 + topic)))  # type: ignore[no-any-return]
