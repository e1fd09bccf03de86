"""``task=calibrate``: how sure a network's verdicts are, fitted on synthetic emissions of one channel each."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from amc_xai.data import Facts, Synthetic
from amc_xai.errors import UserError
from amc_xai.evaluation.inference import probabilities
from amc_xai.files import replacing
from amc_xai.parts import Parts
from amc_xai.progress import progress
from amc_xai.signal.classes import MODULATIONS
from amc_xai.tasks.facts import trained_facts, trained_lengths
from amc_xai.tasks.workbench import load_weights, make_classifier
from amc_xai.training import make_accelerator
from amc_xai.training.checkpoint import save_checkpoint
from amc_xai.verdicts.calibration import Calibration, calibration_error
from amc_xai.verdicts.fitting import Answered, fit, parts_of
from amc_xai.verdicts.packing import packed

log = logging.getLogger(__name__)
FRAMES, COUNTS = 16, (1, 2, 4, 8, 16)
BETWEEN = 4  # SNRs are drawn so many to a step of the network's: those of emissions lie between its classes
LENGTH = 1024


def run(
    parts: Parts,
    name: str = "calibrate",
    needs_checkpoint: bool = True,
    emissions: int = 1200,
    seed: int = 1,
    half: bool = False,
    to: str | None = None,
) -> None:
    """Leaves the checkpoint with its ``calibration``, and nothing that only a training needs, in ``to`` (None =
    ``calibrated.pt`` in the run folder), and ``calibration.json``: errors before and after on other emissions."""
    if emissions < 20:
        raise UserError(f"task.emissions must be 20 or more, not {emissions}")
    # As they will be used: rounded weights answer a little otherwise.
    parts = replace(parts, loaded=packed(parts.loaded, half))
    answered = answers(parts, emissions, seed)
    snrs = np.array([float(s) for s in parts.loaded["snrs"]])
    # Cells of every class and SNR lie in both halves.
    fitted, held = parts_of(answered[::2], COUNTS), parts_of(answered[1::2], COUNTS)
    before, found = Calibration(dependence=0.0, doubt=0.0), fit(fitted, snrs)
    told = {
        "calibration": found.as_dict(),
        "emissions": len(answered),
        "error_before": error_of(before, held),
        "error": error_of(found, held),
        "snr_coverage": coverage(found, held, snrs),
        "accuracy": float(np.mean([found.modulation(one.modulation).argmax() == one.label for one in held])),
    }
    path = parts.folder / "calibration.json"
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(told, indent=1), encoding="utf-8")
    target = parts.folder / "calibrated.pt" if to is None else Path(to).expanduser().absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(target, parts.loaded | {"calibration": found.as_dict()})
    log.info(
        "by emission: error of the probability %.3f (every frame counted as one: %.3f), SNR within its interval "
        "%.1f %%",
        told["error"], told["error_before"], 100 * told["snr_coverage"],
    )  # fmt: skip
    log.info("temperature %.2f, dependence of frames %.2f, doubt %.3f", *list(found.as_dict().values())[:3])
    log.info("%s, %s (%.1f MB)", path, target, target.stat().st_size / 1e6)


def error_of(calibration: Calibration, held: list[Answered]) -> float:
    """The calibration error by emission."""
    shares = np.stack([calibration.modulation(one.modulation) for one in held])
    return calibration_error(shares.max(1), shares.argmax(1) == [one.label for one in held])


def coverage(calibration: Calibration, held: list[Answered], snrs: np.ndarray) -> float:
    """The share of emissions whose SNR lies in its interval."""
    inside = []
    for one in held:
        _, low, high = calibration.snr(one.snr, snrs)
        inside.append(low <= one.snr_db <= high)
    return float(np.mean(inside))


def answers(parts: Parts, count: int, seed: int) -> list[Answered]:
    """What the network says of ``count`` emissions, of frames as long as a recording is cut into."""
    trained, stored = trained_facts(parts.loaded), parts.loaded["config"]["dataset"]
    modulations = list(parts.loaded["modulations"])
    snrs = sorted(float(s) for s in parts.loaded["snrs"])
    length = frame_length(trained_lengths(parts.loaded))
    source = emissions_like(stored, modulations, snrs, length * FRAMES, seed, count)
    device = make_accelerator(parts.config["device"], "fp32").device
    facts = Facts(length, trained.samples_per_symbol, trained.sample_rate, trained.snr_definition)
    classifier = make_classifier(parts, facts, modulations, snrs)
    load_weights(classifier, parts)
    classifier.to(device).eval()
    chosen = np.sort(np.random.default_rng(seed).permutation(len(source.modulation_index))[:count])
    found = []
    for k in progress(chosen, "calibrating", 0, len(chosen), unit="emission"):
        own = source.samples_per_symbol_of(np.array([k]))
        frames = source.read(np.array([k]))[0].unflatten(1, (FRAMES, length)).transpose(0, 1).contiguous()
        rates = None if own is None else own.expand(FRAMES).to(device)
        with torch.inference_mode():
            said = probabilities(classifier(frames.to(device), rates))
        label, level = int(source.modulation_index[k]), source.snrs[source.snr_index[k]]
        found.append(Answered(said.modulation.cpu().numpy(), said.snr.cpu().numpy(), label, level))
    order = np.random.default_rng(seed + 1).permutation(len(found))
    return [found[k] for k in order]


def frame_length(trained: list[int | None]) -> int:
    """Of the frames that recordings are cut into, within what the network was trained on."""
    low, high = (length or LENGTH for length in trained)
    return min(max(LENGTH, low), high)


def emissions_like(
    stored: dict[str, Any], modulations: list[str], snrs: list[float], length: int, seed: int, count: int = 1
) -> Synthetic:
    """At least ``count`` long frames, made as the training's were, also at SNRs between those that it knew.

    Raises:
        UserError: for a network whose classes or SNRs the synthesis doesn't make.
    """
    unknown = [m for m in modulations if m not in MODULATIONS]
    if unknown or "channel" not in stored:
        raise UserError(
            "task=calibrate makes emissions as the training frames of the network were made, and these were not "
            "synthetic"
        )
    step = float(np.min(np.diff(snrs))) / BETWEEN if len(snrs) > 1 else 1.0
    levels = np.arange(snrs[0], snrs[-1] + step / 2, step).round(3).tolist()
    of_each = max(2, -(-count // (len(modulations) * len(levels))))
    return Synthetic(
        modulations, levels, frames_per_cell=of_each, frame_length=length,
        samples_per_symbol=stored["samples_per_symbol"], channel=stored["channel"], seed=10_000 + seed,
    )  # fmt: skip
