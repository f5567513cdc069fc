"""Train the heads on the untouched encoder first.

Heads that start at random would pull the encoder about while they find their feet; fitted beforehand, they leave its
features whole, and what follows starts from there (Kumar et al. 2022, arXiv:2202.10054). As the encoder stands still,
its states are computed once.
"""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import get_scheduler

from ..model.device import Compute
from ..model.network import TaggerNetwork
from .config import RunConfig
from .dataset import Collator, TokenBatchSampler
from .loss import ClassWeights, tagging_loss

logger = logging.getLogger(__name__)


def warm_up_heads(
    network: TaggerNetwork,
    dataset: Any,
    *,
    config: RunConfig,
    loss_weights: ClassWeights,
    pad_id: int,
    compute: Compute,
) -> None:
    """Train the heads for `config.heads.warmup_epochs` epochs on the encoder's states, kept in half precision."""
    settings = config.training
    network.to(compute.device)
    examples = [dataset[i] for i in range(len(dataset))]
    states = _states(network, examples, pad_id, settings.batch_tokens, compute)
    sampler = TokenBatchSampler(
        [len(ex["ids"]) for ex in examples], batch_tokens=settings.batch_tokens, seed=settings.seed
    )
    n_steps = len(sampler) * config.heads.warmup_epochs
    optimizer = torch.optim.AdamW(
        network.heads.parameters(),
        lr=config.heads.warmup_learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    schedule = get_scheduler("linear", optimizer, num_warmup_steps=n_steps // 20, num_training_steps=n_steps)
    collate = Collator(pad_id)
    network.train()
    for epoch in range(config.heads.warmup_epochs):
        sampler.set_epoch(epoch)
        total = 0.0
        for rows in tqdm(sampler, desc=f"heads alone, epoch {epoch + 1}", unit="batch", disable=None):
            batch = {key: tensor.to(compute.device) for key, tensor in collate([examples[i] for i in rows]).items()}
            padded = torch.nn.utils.rnn.pad_sequence([states[i] for i in rows], batch_first=True)
            logits = network.read(padded.to(compute.device).float(), batch["attention_mask"])
            loss = tagging_loss(logits, batch, loss_weights, config.loss)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.heads.parameters(), settings.max_grad_norm)
            optimizer.step()
            schedule.step()
            total += loss.item()
        logger.info("heads alone, epoch %d: loss %.3f", epoch + 1, total / len(sampler))


def _states(
    network: TaggerNetwork, examples: Sequence[dict[str, Any]], pad_id: int, batch_tokens: int, compute: Compute
) -> list[Tensor]:
    """Return each example's token states, in half precision on the CPU."""
    network.eval()
    lengths = [len(ex["ids"]) for ex in examples]
    states: list[Tensor] = [torch.empty(0)] * len(examples)
    collate = Collator(pad_id)
    sampler = TokenBatchSampler(lengths, batch_tokens=batch_tokens, seed=0)
    with torch.no_grad(), compute.autocast():
        for rows in tqdm(sampler, desc="states of the untouched encoder", unit="batch", disable=None):
            batch = collate([examples[i] for i in rows])
            ids, mask = (batch[key].to(compute.device) for key in ("input_ids", "attention_mask"))
            out = network.states(ids, mask).half().cpu()
            for row, i in enumerate(rows):
                states[i] = out[row, : lengths[i]].clone()
    return states
