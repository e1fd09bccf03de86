"""``provenance.json``: from what the numbers of a run came, so that they can be had again."""

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

from amc_xai import __version__
from amc_xai.builtin import resolved
from amc_xai.files import replacing
from amc_xai.report.run_files import read_history
from amc_xai.tasks.workbench import Workbench, device_text


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance(bench: Workbench, indices: np.ndarray) -> dict[str, Any]:
    """Version, seeds, dataset, checkpoint with its hash, device and training time of a test on these frames."""
    config = bench.parts.config
    named = config["checkpoint"]
    checkpoint = resolved(named, "checkpoint") if named else bench.parts.folder / "checkpoints" / "best.pt"
    history = checkpoint.parent.parent / "history.jsonl"
    epochs = read_history(history) if history.is_file() else []
    return {
        "version": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "device": device_text(bench.accelerator),
        "command": "python -m amc_xai " + " ".join(bench.parts.overrides),
        "seed": config["seed"],
        "dataset": config["dataset"],
        "split": config["split"],
        "test_frames": len(indices),
        "test_frames_sha256": hashlib.sha256(np.ascontiguousarray(indices, dtype="<i8").tobytes()).hexdigest(),
        "checkpoint": str(checkpoint),
        "checkpoint_sha256": sha256_of(checkpoint) if checkpoint.is_file() else None,
        "parameters": sum(p.numel() for p in bench.classifier.parameters()),
        "training_epochs": len(epochs),
        "training_seconds": sum(row.get("seconds", 0.0) for row in epochs) if epochs else None,
    }


def write_provenance(bench: Workbench, indices: np.ndarray) -> Path:
    """Write ``provenance.json`` into the run folder; it appears whole or not at all."""
    path = bench.parts.folder / "provenance.json"
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(provenance(bench, indices), indent=2) + "\n", encoding="utf-8")
    return path
