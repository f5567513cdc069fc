import torch
from hypothesis import given
from hypothesis import strategies as st

from fiqra.model.decode import actor_spans
from fiqra.model.network import Logits
from fiqra.training.dataset import IGNORED
from fiqra.training.loss import WRONG_ACTOR, wrong_actors


@given(st.integers(0, 10_000))
def test_wrong_actors_are_what_decoding_marks_and_no_gold_actor_touches(seed):
    generator = torch.Generator().manual_seed(seed)
    actor = torch.randn(3, 17, 3, generator=generator) * 2
    tags = (torch.rand(3, 17, generator=generator) > 0.9).long()
    tags[:, 0] = IGNORED
    logits = Logits(torch.zeros(3, 4), actor, torch.zeros(3, 17, 4, 4))
    tokens = [(i, i + 1) for i in range(17)]
    expected = [
        [row, first, last, 0, 0, 0, 0]
        for row in range(3)
        for first, last, _ in actor_spans(actor[row].numpy(), tokens, WRONG_ACTOR)
        if (tags[row, first:last] == 0).all()
    ]
    assert wrong_actors(logits, {"tags": tags, "topics": torch.zeros(3, 4)}).tolist() == expected
