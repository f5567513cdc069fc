"""Train the heads on the untouched encoder first.

Heads that start at random would pull the encoder about while they find their feet; fitted beforehand, they leave its
features whole, and what follows starts from there (Kumar et al. 2022, arXiv:2202.10054).
"""

import logging

import torch
from tqdm import tqdm
from transformers import get_scheduler

from ..model.device import Compute
from ..model.network import TaggerNetwork
from .config import RunConfig
from .dataset import Collator, TokenBatchSampler
from .loss import ClassWeights, tagging_loss
from .states import WithStates

logger = logging.getLogger(__name__)


def warm_up_heads(
    network: TaggerNetwork,
    examples: WithStates,
    *,
    config: RunConfig,
    loss_weights: ClassWeights,
    pad_id: int,
    compute: Compute,
) -> None:
    """Train the heads for `config.heads.warmup_epochs` epochs on examples with the states that they read."""
    settings = config.training
    network.to(compute.device)
    sampler = TokenBatchSampler(examples.lengths, batch_tokens=settings.batch_tokens, seed=settings.seed)
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
            logits = network.read(batch["states"], batch["attention_mask"])
            loss = tagging_loss(logits, batch, loss_weights, config.loss)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.heads.parameters(), settings.max_grad_norm)
            optimizer.step()
            schedule.step()
            total += loss.item()
        logger.info("heads alone, epoch %d: loss %.3f", epoch + 1, total / len(sampler))
