"""What of a checkpoint is needed to use its network, as small as it can be kept."""

from typing import Any

import torch

# Of no use to whoever only asks the network.
OF_TRAINING = ("loss", "best_loss", "optimizer", "optimizer_settings", "scheduler", "random", "ema")


def packed(loaded: dict[str, Any], half: bool = False) -> dict[str, Any]:
    """A checkpoint's content without what a training alone needs; with ``half`` its weights in bfloat16."""
    kept = {key: value for key, value in loaded.items() if key not in OF_TRAINING}
    weights = {
        name: value.to(torch.bfloat16) if half and value.dtype == torch.float32 else value
        for name, value in loaded["network"].items()
    }
    return {**kept, "network": weights}
