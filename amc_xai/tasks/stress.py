"""``task=stress``: the accuracy of a checkpoint against one impairment at a time."""

import csv
import logging
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch

from amc_xai.data import Facts, evaluation_loader
from amc_xai.data.stress import CLEAN, SWEEPS, Condition, Sweep, Trained, stressed_source, with_carrier_offset
from amc_xai.data.synthetic import check_range
from amc_xai.errors import UserError, guess
from amc_xai.evaluation import wilson
from amc_xai.files import replacing
from amc_xai.model import Classifier
from amc_xai.parts import Parts
from amc_xai.progress import progress
from amc_xai.signal import Channel
from amc_xai.signal.classes import MODULATIONS
from amc_xai.signal.snr import decibels_a_label, es_n0_db
from amc_xai.tasks.facts import trained_facts
from amc_xai.tasks.next_step import after_stress
from amc_xai.tasks.workbench import load_weights, make_classifier
from amc_xai.training import make_accelerator

log = logging.getLogger(__name__)
COLUMNS = ("impairment", "strength", "unit", "inside_training", "task", "frames", "accuracy", "low", "high")
REFERENCE = "QPSK"  # of unit power in every definition: its Es/N0 stands for a label's
SAMPLES_PER_SYMBOL, FRAME_LENGTH = 8.0, 1024


def run(
    parts: Parts,
    name: str = "stress",
    needs_checkpoint: bool = True,
    frames: int = 500,
    es_n0_db: float = 20.0,
    impairments: Sequence[str] | None = None,
) -> None:
    """Leaves ``stress.csv`` and its figure in the run folder, and prints what breaks the network first."""
    sweeps = chosen_sweeps(impairments)
    if frames < 1:
        raise UserError(f"task.frames must be 1 or more, not {frames}")
    subject = Subject(parts, frames, float(es_n0_db))
    rows: list[dict[str, Any]] = []
    conditions = [(sweep, strength) for sweep in sweeps for strength in sweep.strengths]
    left_out: dict[str, str] = {}
    for sweep, strength in progress(conditions, "stress", 0, len(conditions), unit="strength"):
        try:
            rows += subject.rows(sweep, strength)
        except (UserError, RuntimeError) as error:
            # A network that takes one frame length can't be asked for others, and so with some pulses and bands.
            left_out[f"{sweep.name} {strength}"] = str(error).splitlines()[0]
    if not rows:
        raise UserError(f"task.impairments: none of them could be tried; {next(iter(left_out.values()))}")
    for what, reason in left_out.items():
        log.info("left out: %s (%s)", what, reason)
    path = parts.folder / "stress.csv"
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    from amc_xai.report import draw_figures

    figures = draw_figures(parts.folder)
    log.info("\n%s\n", text_of(rows))
    log.info("%s", ", ".join(str(found) for found in (path, *figures)))
    subject.say_next()


def chosen_sweeps(names: Sequence[str] | None) -> list[Sweep]:
    """The sweeps of these names, in their own order; None = all."""
    known = [sweep.name for sweep in SWEEPS]
    unknown = [name for name in names or [] if name not in known]
    if unknown or (names is not None and not names):
        wrong = (
            f"there is no impairment {unknown[0]!r}{guess(unknown[0], known)}" if unknown else "name at least one"
        )
        raise UserError(f"task.impairments: {wrong}; choose from {', '.join(known)}, or null for all")
    return [sweep for sweep in SWEEPS if names is None or sweep.name in names]


class Subject:
    """The network that is tried, and the clean frames that it is tried on."""

    def __init__(self, parts: Parts, frames: int, at_db: float):
        self.parts = parts
        self.modulations, self.snrs = parts.loaded["modulations"], [float(s) for s in parts.loaded["snrs"]]
        unknown = [m for m in self.modulations if m not in MODULATIONS]
        if unknown:
            raise UserError(
                f"task=stress makes frames of {', '.join(MODULATIONS)}; the network's {unknown[0]} is none of them"
            )
        trained = trained_facts(parts.loaded)
        self.definition = trained.snr_definition or "es_n0"
        self.samples_per_symbol = trained.samples_per_symbol or SAMPLES_PER_SYMBOL
        own = parts.loaded["config"]["dataset"]
        single = not isinstance(own.get("frame_length"), list)
        self.frame_length = trained.frame_length if single and trained.frame_length else FRAME_LENGTH
        self.facts = Facts(self.frame_length, trained.samples_per_symbol, trained.sample_rate, self.definition)
        self.trained = trained_range(own, self)
        self.frames_per_cell = -(-frames // len(self.modulations))
        self.at_db = min((self.es_n0(s) for s in self.snrs), key=lambda known: abs(known - at_db))
        self.accelerator = make_accelerator(parts.config["device"], parts.make["trainer"].precision)
        self.classifier: Classifier = make_classifier(parts, self.facts, self.modulations, self.snrs)
        load_weights(self.classifier, parts)
        self.classifier.to(self.accelerator.device).eval()
        log.info(
            "%d classes at %g dB of Es/N0, %d samples, %g a symbol, %d frames a strength",
            len(self.modulations), self.at_db, self.frame_length, self.samples_per_symbol,
            self.frames_per_cell * len(self.modulations),
        )  # fmt: skip

    def say_next(self) -> None:
        """How to train this network on what breaks it."""
        frame = {"frame_length": self.frame_length, "samples_per_symbol": self.samples_per_symbol}
        after_stress(self.parts, self.modulations, self.snrs, frame, self.definition == "es_n0")

    def es_n0(self, label: float) -> float:
        """Es/N0 in dB of a label, for a class of unit power."""
        return es_n0_db(label, self.definition, REFERENCE, self.samples_per_symbol)

    def label(self, wanted_db: float) -> float:
        """The label that stands for this Es/N0."""
        return (wanted_db - self.es_n0(0.0)) / decibels_a_label(self.definition)

    def clean_channel(self) -> dict[str, Any]:
        """Keys of the channel that all impairments start from: the network's own meaning of SNR and of ASK."""
        own = self.parts.loaded["config"]["dataset"].get("channel") or {}
        kept = {key: own[key] for key in ("pulse", "unipolar_ask") if key in own}
        if "pulse" in kept and not isinstance(kept["pulse"], str):
            del kept["pulse"]  # several: the clean one is plain
        return CLEAN | kept | {"snr_definition": self.definition}

    @torch.no_grad()
    def rows(self, sweep: Sweep, strength: float | str) -> list[dict[str, Any]]:
        """The table's rows of one strength, one a task."""
        condition = sweep.condition(strength)
        label = self.label(self.at_db if condition.es_n0_db is None else condition.es_n0_db)
        nearest = min(self.snrs, key=lambda snr: abs(snr - label))
        known = abs(nearest - label) < 1e-6
        source = stressed_source(
            condition, nearest if known else label, self.clean_channel(),
            modulations=self.modulations, frames_per_cell=self.frames_per_cell, seed=self.parts.seed + 1,
            frame_length=self.frame_length, samples_per_symbol=self.samples_per_symbol,
        )  # fmt: skip
        right = {task: 0 for task in ("modulation", "snr", "joint")}
        everything = np.arange(len(source.modulation_index))
        signs = torch.from_numpy(np.random.default_rng(self.parts.seed).choice([-1.0, 1.0], len(everything)))
        done, device = 0, self.accelerator.device
        for batch in evaluation_loader(source, everything, self.parts.make["trainer"].batch_size):
            size = len(batch.modulation)
            iq = batch.iq.to(device)
            if condition.carrier_offset:
                iq = with_carrier_offset(
                    iq, condition.carrier_offset, signs[done : done + size].float().to(device)
                )
            with self.accelerator.autocast():
                prediction = self.classifier(iq, self.told(condition, source.samples_per_symbol, size))
            modulation = prediction.modulation.argmax(1).cpu() == batch.modulation
            snr = prediction.snr.argmax(1).cpu() == self.snrs.index(nearest)
            right["modulation"] += int(modulation.sum())
            right["snr"] += int(snr.sum())
            right["joint"] += int((modulation & snr).sum())
            done += size
        inside = "" if self.trained is None else str(bool(sweep.inside(strength, self.trained))).lower()
        rows = []
        for task, hits in right.items():
            # An SNR that is none of the network's has no right answer.
            if task != "modulation" and not known:
                continue
            low, high = wilson(hits, done)
            shares = [f"{float(value):.6g}" for value in (hits / done, low, high)]
            shown = strength if isinstance(strength, str) else f"{strength:.6g}"
            rows.append(
                dict(zip(COLUMNS, [sweep.name, shown, sweep.unit, inside, task, done, *shares], strict=True))
            )
        return rows

    def told(self, condition: Condition, samples_per_symbol: float, size: int) -> torch.Tensor | None:
        """What the network is told of the symbol rate, where that isn't what it takes for granted."""
        told = samples_per_symbol * (1 + condition.rate_error)
        if told == self.facts.samples_per_symbol:
            return None
        return torch.full((size,), told, device=self.accelerator.device)


def trained_range(dataset: dict[str, Any], subject: Subject) -> Trained | None:
    """What the training knew, by its data's configuration; None where its frames were not made here."""
    if "channel" not in dataset:
        return None
    names = {field.name for field in fields(Channel)}
    channel = Channel(**{key: value for key, value in dataset["channel"].items() if key in names})
    levels = [subject.es_n0(snr) for snr in subject.snrs]
    return Trained(
        channel,
        check_range("samples_per_symbol", dataset.get("samples_per_symbol", SAMPLES_PER_SYMBOL)),
        check_range("frame_length", dataset.get("frame_length", FRAME_LENGTH)),
        (min(levels), max(levels)),
    )


def text_of(rows: list[dict[str, Any]]) -> str:
    """Modulation accuracy of each impairment: at its mildest, and at its worst strength."""
    lines = []
    for name in dict.fromkeys(row["impairment"] for row in rows):
        mine = [row for row in rows if row["impairment"] == name and row["task"] == "modulation"]
        worst = min(mine, key=lambda row: float(row["accuracy"]))
        best = max(mine, key=lambda row: float(row["accuracy"]))
        lines.append(
            f"{name:>18}: {100 * float(best['accuracy']):5.1f} % at {best['strength']}, "
            f"{100 * float(worst['accuracy']):5.1f} % at {worst['strength']} {worst['unit']}".rstrip()
        )
    return "Modulation, best and worst strength of each impairment:\n" + "\n".join(lines)
