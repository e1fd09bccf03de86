"""What a training says of each of its epochs: ``history.jsonl``."""

import json
from pathlib import Path

from amc_xai.files import replacing
from amc_xai.loss import plain_sum

# What every epoch says, whatever its parts; hooks may add to it.
COLUMNS = (
    "epoch", "train_loss", "validation_loss", "validation_modulation_accuracy", "validation_snr_accuracy",
    "validation_joint_accuracy", "learning_rate", "weight_modulation", "weight_snr", "frames_per_second",
    "seconds",
)  # fmt: skip


def scores(trained: dict[str, float], validated: dict[str, float], weights: list[float]) -> dict[str, float]:
    """Losses and validation accuracies of an epoch, from its sums."""
    train_loss, validation_loss = (
        plain_sum(sums["modulation_loss"], sums["snr_loss"], weights) / sums["frames"]
        for sums in (trained, validated)
    )
    accuracies = {
        f"validation_{task}_accuracy": validated[f"{task}_correct"] / validated["frames"]
        for task in ("modulation", "snr", "joint")
    }
    return {"train_loss": train_loss, "validation_loss": validation_loss, **accuracies}


def write_history(folder: Path, rows: list[dict]) -> None:
    """``history.jsonl``, one object an epoch; rewritten whole, so that it is never half a line."""
    with replacing(folder / "history.jsonl") as temporary:
        temporary.write_text("".join(json.dumps(row) + "\n" for row in rows))
