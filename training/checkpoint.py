"""The state of a run beside its weights, as safetensors and JSON, so that a resumed run goes on as if never killed.

`transformers.Trainer` keeps the weights and its own counters in each checkpoint; its optimizer and random state would
be pickles, so it is told to leave them out, and this callback keeps them.
"""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ..model.errors import FiqraError

_TENSORS, _VALUES = "run_state.safetensors", "run_state.json"


class RunStateCallback(TrainerCallback):  # type: ignore[misc]
    """Saves the optimizer, schedule and random state with each checkpoint; puts them back when a run resumes."""

    def __init__(self, resume_from: Path | None) -> None:
        self.resume_from = resume_from

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if not state.is_world_process_zero:
            return
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        optimizer: dict[str, Any] = kwargs["optimizer"].state_dict()
        tensors = {
            f"optimizer.{index}.{name}": torch.as_tensor(value)
            for index, values in optimizer["state"].items()
            for name, value in values.items()
        }
        tensors["random.torch"] = torch.get_rng_state()
        if torch.accelerator.is_available():
            tensors["random.accelerator"] = torch.get_device_module().get_rng_state()
        save_file(tensors, folder / _TENSORS)
        version, numbers, gauss = random.getstate()
        _, keys, *numpy_rest = np.random.get_state()
        values = {
            "param_groups": optimizer["param_groups"],
            "schedule": kwargs["lr_scheduler"].state_dict(),
            "random.python": [version, list(numbers), gauss],
            "random.numpy": [keys, *numpy_rest],
        }
        (folder / _VALUES).write_text(json.dumps(values, default=_plain), encoding="utf-8")

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.resume_from is None:
            return
        tensors = load_file(self.resume_from / _TENSORS)
        values = json.loads((self.resume_from / _VALUES).read_text(encoding="utf-8"))
        optimizer_state: dict[int, dict[str, torch.Tensor]] = {}
        for key, tensor in tensors.items():
            kind, _, rest = key.partition(".")
            if kind == "optimizer":
                index, _, name = rest.partition(".")
                optimizer_state.setdefault(int(index), {})[name] = tensor
        kwargs["optimizer"].load_state_dict({"state": optimizer_state, "param_groups": values["param_groups"]})
        kwargs["lr_scheduler"].load_state_dict(values["schedule"])
        version, numbers, gauss = values["random.python"]
        random.setstate((version, tuple(numbers), gauss))
        keys, *numpy_rest = values["random.numpy"]
        np.random.set_state(("MT19937", np.array(keys, dtype=np.uint32), *numpy_rest))
        torch.set_rng_state(tensors["random.torch"])
        if "random.accelerator" in tensors and torch.accelerator.is_available():
            torch.get_device_module().set_rng_state(tensors["random.accelerator"])


def last_checkpoint(output: Path) -> Path:
    """Return the run's last whole checkpoint.

    Raises:
        FiqraError: the run folder holds none.
    """
    whole = [path.parent for path in output.glob(f"checkpoint-*/{_VALUES}")]
    if not whole:
        raise FiqraError(f"{output}: no checkpoint to resume from; start the run without --resume")
    return max(whole, key=lambda path: int(path.name.removeprefix("checkpoint-")))


def _plain(value: Any) -> Any:
    """Turn NumPy's and torch's numbers and arrays into JSON's."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
