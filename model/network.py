"""The network: one encoder pass, then heads for topics, actors and stances.

Shapes: B paragraphs, L tokens, H encoder width, D head width, K topics, S stances.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from .encoder import without_lowest

if TYPE_CHECKING:
    from transformers import PreTrainedModel

N_TAGS = 3  # outside, begin, inside
DILATIONS = (1, 2, 4, 8)  # of a context's convolutions: 15 tokens to either side, each in its order


class Logits(NamedTuple):
    """What the network says, before any sigmoid or softmax."""

    topic: Tensor  # (B, K)
    actor: Tensor  # (B, L, 3): outside, begin, inside
    stance: Tensor  # (B, L, K, 1 + S): column 0 is "no position"; token 0 stands for the implied holder


class TaggerNetwork(nn.Module):
    """Encoder and `n_sets` sets of three heads, each set trained on its own loss and their logits averaged.

    The heads read the encoder after a third, two thirds and all of its layers: what marks a name and its part in the
    sentence is plainest half way up (Tenney et al. 2019, arXiv:1905.05950), and all the more so in an encoder whose
    last layers were tuned for sentence similarity.
    """

    def __init__(
        self,
        encoder: "PreTrainedModel",
        *,
        n_topics: int,
        n_stances: int,
        head_width: int,
        n_sets: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        n_layers = int(encoder.config.num_hidden_layers)
        self.read_layers = sorted({math.ceil(n_layers * third / 3) for third in (1, 2, 3)})
        self.n_frozen = 0  # layers, from the lowest, that training leaves as they are
        hidden = int(encoder.config.hidden_size) * len(self.read_layers)
        self.heads = nn.ModuleDict(
            {
                "standardise": Standardise(hidden),
                "sets": nn.ModuleList(HeadSet(hidden, head_width, n_topics, n_stances, dropout) for _ in range(n_sets)),
            }
        )

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, *, each: bool = False, lowest: Tensor | None = None
    ) -> Logits | list[Logits]:
        """Return the mean of the sets' logits, or, to train, a list of `each` set's own.

        Both tensors (B, L), integers; the mask is 1 for tokens and 0 for padding. Where `lowest` gives the states of
        `lowest_layers`, only the layers above them run.
        """
        if lowest is None:
            states = self.states(input_ids, attention_mask)
        else:
            states = self._states_above(lowest, attention_mask)
        logits = self.read(states, attention_mask)
        return logits if each else Logits(*(torch.stack(parts).mean(0) for parts in zip(*logits, strict=True)))

    def read(self, states: Tensor, attention_mask: Tensor) -> list[Logits]:
        """Return what each set of heads says of the encoder's token states, which `states` returns."""
        states = self.heads["standardise"](states)
        return [heads(states, attention_mask) for heads in self.heads["sets"].children()]

    def states(self, input_ids: Tensor, attention_mask: Tensor, layers: Sequence[int] | None = None) -> Tensor:
        """Return the token states (B, L, H) of `layers`, side by side; by default of those that the heads read."""
        out = self.encoder(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        return torch.cat([out.hidden_states[layer] for layer in layers or self.read_layers], dim=-1)

    @property
    def lowest_layers(self) -> list[int]:
        """The layers whose states stand for all that is frozen: those that the heads read there, and the last."""
        return sorted({layer for layer in self.read_layers if layer < self.n_frozen} | {self.n_frozen})

    def _states_above(self, lowest: Tensor, attention_mask: Tensor) -> Tensor:
        known = dict(zip(self.lowest_layers, lowest.chunk(len(self.lowest_layers), dim=-1), strict=True))
        upper = without_lowest(self.encoder, self.n_frozen)
        out = upper(inputs_embeds=known[self.n_frozen], attention_mask=attention_mask, output_hidden_states=True)
        known |= dict(enumerate(out.hidden_states, self.n_frozen))
        return torch.cat([known[layer] for layer in self.read_layers], dim=-1)


class HeadSet(nn.Module):
    """A topic head, an actor head and a stance head.

    Each topic has a query that attends over the tokens (label-wise attention, Mullenbach et al. 2018,
    arXiv:1802.05695) and gives a topic vector. The actor head marks each token as outside, begin or inside. The
    stance head joins every token with every topic vector; an actor's stance is the mean over its tokens, and the
    implied holder's is that of the first (special) token. These two see a token in a context each: one for both says
    that somebody holds a position before it says who.
    """

    def __init__(self, hidden: int, width: int, n_topics: int, n_stances: int, dropout: float) -> None:
        super().__init__()
        self.topic = TopicHead(hidden, width, n_topics, dropout)
        self.actor = ActorHead(hidden, width, dropout)
        self.stance = StanceHead(hidden, width, n_stances, dropout)

    def forward(self, states: Tensor, mask: Tensor) -> Logits:
        topic_logits, topic_vectors = self.topic(states, mask)
        return Logits(topic_logits, self.actor(states, mask), self.stance(states, mask, topic_vectors))


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
    """A token's state beside what convolutions see around it, in its order, and the mean of the paragraph.

    The convolutions are dilated, each added to what comes in (Strubell et al. 2017, arXiv:1702.02098).
    """

    def __init__(self, hidden: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = FeatureDropout(dropout)
        self.down = nn.Linear(hidden, width)
        self.convolutions = nn.ModuleList(nn.Linear(3 * width, width) for _ in DILATIONS)
        self.join = nn.Linear(3 * width, width)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return (B, L, D) for states (B, L, H) and mask (B, L)."""
        token = nn.functional.gelu(self.down(self.dropout(states)))
        real = mask[..., None].to(token.dtype)  # (B, L, 1): padding is zero for every convolution
        around = token * real
        for convolution, far in zip(self.convolutions, DILATIONS, strict=True):
            around = around + nn.functional.gelu(convolution(_beside(self.dropout(around), far))) * real
        whole = _mean(token, mask).expand_as(token)
        return nn.functional.gelu(self.join(torch.cat([token, around, whole], dim=-1)))


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    """Return the mean (B, 1, H) over a paragraph's tokens, padding left out."""
    return (states * mask[..., None]).sum(1, keepdim=True) / mask.sum(1)[:, None, None]


def _beside(states: Tensor, far: int) -> Tensor:
    """Return each token (B, L, D) between those `far` before and after it (B, L, 3D), zeros outside the paragraph.

    A matrix product over these is a dilated convolution; on a CPU, whose batches differ in shape, it is the faster.
    """
    padded = nn.functional.pad(states, (0, 0, far, far))
    length = states.shape[1]
    return torch.cat([padded[:, :length], states, padded[:, 2 * far :]], dim=-1)


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
