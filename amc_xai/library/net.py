"""A trained network as an object."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch

from amc_xai import builtin
from amc_xai.data import Facts
from amc_xai.data.choice import check_facts
from amc_xai.errors import UserError
from amc_xai.evaluation.inference import probabilities
from amc_xai.explain.attribution import IntegratedGradients, Method, attribute_input
from amc_xai.explain.attribution.method import TASKS
from amc_xai.library.answers import Explanation, Prediction
from amc_xai.library.samples import Cut, Held, cut
from amc_xai.model import Classifier
from amc_xai.parts import Parts, parts_of_checkpoint
from amc_xai.tasks.facts import completed, refuse_contradiction, trained_facts, trained_lengths
from amc_xai.tasks.verdicts import DEFAULT, own_rates
from amc_xai.tasks.workbench import load_weights, make_classifier
from amc_xai.verdicts import GIVEN, OF_TRAINING, Calibration, EmissionFrames, verdicts_of

BATCH = 256  # frames in one pass
ROWS = 32  # of more rows each is taken as a frame or more, and none as an emission
BATCH_EXPLAINED = 32


def load(checkpoint: str | Path = builtin.NAME, device: str = "cpu") -> "Net":
    """The network of a checkpoint, which a run leaves in ``checkpoints/best.pt``; that of the package by default.

    Args:
        checkpoint: the file; ``builtin`` is the network that comes with the package.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        UserError: (``amc_xai.errors``) if it can't be read, or the device isn't there.

    >>> net = load(best)
    >>> net.modulations
    ['BPSK', 'QPSK']
    """
    if not isinstance(checkpoint, str | Path):
        raise UserError(f"checkpoint must be the path of a file, not {type(checkpoint).__name__}")
    return Net(parts_of_checkpoint(checkpoint), usable(device))


class Net:
    """Says which modulation samples have, and at which SNR, and what the answer rests on; made by :func:`load`.

    Attributes:
        modulations: names of the classes that it knows.
        snrs: in dB, those that it knows.
        frame_length: samples in the longest frame that it was trained on; longer recordings are cut. None = not
            known.
        samples_per_symbol: that it was trained at; None = at several, or it doesn't matter.

    Samples may be NumPy or torch: complex (L,) or (n, L), or I and Q as floats, (2, L) or (n, 2, L). A row of as
    many samples as the network's frames have is one frame; a longer one is cut into frames, as ``task=predict``
    cuts recordings. The amplitude doesn't matter unless the network was made to see it.
    """

    def __init__(self, parts: Parts, device: torch.device):
        if parts.loaded["config"]["representation"]["_target_"].endswith(".Unchanged"):
            raise UserError("checkpoint: its network was trained on pictures, and takes no samples")
        self._parts, self._device = parts, device
        self._trained = trained_facts(parts.loaded)
        self._shortest, self.frame_length = trained_lengths(parts.loaded)
        self.modulations: list[str] = list(parts.loaded["modulations"])
        self.snrs = [float(snr) for snr in parts.loaded["snrs"]]
        self.samples_per_symbol = self._trained.samples_per_symbol
        self._calibration = Calibration.of(parts.loaded) or DEFAULT
        self._built: tuple[Facts, Classifier] | None = None
        if self.frame_length is not None:
            self.classifier(self.frame_length)

    def __repr__(self) -> str:
        return (
            f"Net of {len(self.modulations)} modulations and {len(self.snrs)} SNRs, frames of {self.frame_length} "
            "samples"
        )

    def predict(
        self, iq: Any, sample_rate: float | None = None, samples_per_symbol: float | None = None
    ) -> Prediction:
        """What the network says of each frame of ``iq``, and of each emission, as ``task=predict`` does.

        Args:
            iq: samples, see above.
            sample_rate: in Hz, None = not known; held against the training's where symbols don't tell.
            samples_per_symbol: None = as the network was trained; where it was trained at several, each emission
                is searched for it.

        Raises:
            UserError: for samples that are none, or frames that the network wasn't made for.

        >>> answer = load(best).predict(np.exp(0.1j * np.arange(300)))
        >>> len(answer), answer.start.tolist(), answer.modulation_probability.shape
        (2, [0, 128], (2, 2))
        """
        frames = self._cut(iq)
        if int(frames.row[-1]) >= ROWS:
            classifier = self.classifier(frames.frames.shape[-1], sample_rate, samples_per_symbol)
            return self._answered(classifier, frames)
        return self._heard(frames, sample_rate, samples_per_symbol)

    def _heard(self, cut_frames: Cut, sample_rate: float | None, samples_per_symbol: float | None) -> Prediction:
        """Each row as a recording, whose emissions share a symbol rate and get a verdict."""
        length = cut_frames.frames.shape[-1]
        classifier = self.classifier(length, sample_rate, samples_per_symbol)
        rates = own_rates(self._parts.loaded, classifier.representation)
        if rates is not None:
            classifier = self.classifier(length, sample_rate)
        stated = samples_per_symbol or self._trained.samples_per_symbol
        source = Held(cut_frames, stated, sample_rate or self._trained.sample_rate)
        with as_arguments():
            heard = EmissionFrames(source, rates, GIVEN if samples_per_symbol else OF_TRAINING)
        order = np.arange(len(heard.place))
        told = heard.samples_per_symbol_of(order)
        told = None if told is None else told.to(self._device)
        parts = np.split(order, range(BATCH, len(order), BATCH))
        answer = self._answered(
            classifier, Cut(None, heard.file_index, heard.start), (heard.read(part) for part in parts), told
        )
        verdicts = verdicts_of(
            heard, answer.modulation_probability, answer.snr_probability, self.modulations, self.snrs,
            self._calibration, heard.names, [sample_rate] * len(heard.names),
        )  # fmt: skip
        return replace(answer, verdicts=verdicts)

    @torch.inference_mode()
    def _answered(
        self,
        classifier: Classifier,
        frames: Cut,
        parts: Iterable[torch.Tensor] | None = None,
        rates: torch.Tensor | None = None,
    ) -> Prediction:
        parts = frames.frames.split(BATCH) if parts is None else parts
        rates = repeat(None) if rates is None else rates.split(BATCH)
        rows = [
            probabilities(classifier(part.to(self._device), own)) for part, own in zip(parts, rates, strict=False)
        ]
        modulation, snr = (torch.cat(column).cpu().numpy() for column in zip(*rows, strict=True))
        return Prediction(self.modulations, self.snrs, modulation, snr, frames.row, frames.start)

    def explain(
        self,
        iq: Any,
        sample_rate: float | None = None,
        samples_per_symbol: float | None = None,
        task: str = "modulation",
        method: Method | None = None,
    ) -> Explanation:
        """What the answer of ``task`` (``modulation`` or ``snr``) to each frame rests on.

        Args:
            iq, sample_rate, samples_per_symbol: as :meth:`predict` has them.
            task: whose answer.
            method: None = Integrated Gradients; others are in ``amc_xai.explain.attribution``.

        Raises:
            UserError: as :meth:`predict`, and for a method that doesn't apply to the network.

        >>> found = load(best).explain(np.exp(0.1j * np.arange(128)))
        >>> found.by_channel.shape == (1, len(found.channels))
        True
        """
        if task not in TASKS:
            raise UserError(f"task must be one of {', '.join(TASKS)}, not {task!r}")
        frames = self._cut(iq)
        classifier = self.classifier(frames.frames.shape[-1], sample_rate, samples_per_symbol)
        answer = self._answered(classifier, frames)
        target = torch.from_numpy(getattr(answer, f"{task}_probability").argmax(1))
        method = method or IntegratedGradients()
        seen, worth = [], []
        parts = frames.frames.split(BATCH_EXPLAINED), target.split(BATCH_EXPLAINED)
        for part, named in zip(*parts, strict=True):
            x, named = classifier.represent(part.to(self._device)), named.to(self._device)
            worth.append(attribute_input(method, classifier.network, x, named, task).cpu().numpy())
            seen.append(x.cpu().numpy())
        representation = classifier.representation
        channels, axes = list(representation.channels), dict(getattr(representation, "axes", {}))
        return Explanation(answer, task, channels, np.concatenate(seen), np.concatenate(worth), axes)

    def _cut(self, iq: Any) -> Cut:
        return cut(iq, self._shortest, self.frame_length)

    def classifier(
        self, frame_length: int, sample_rate: float | None = None, samples_per_symbol: float | None = None
    ) -> Classifier:
        """The module that takes raw I/Q (B, 2, ``frame_length``) and gives logits, in evaluation mode."""
        with as_arguments():
            check_facts(samples_per_symbol, sample_rate, None)
            own = Facts(frame_length, samples_per_symbol, sample_rate)
            refuse_contradiction(own, self._trained, "the checkpoint")
            facts = completed(own, self._trained)
            if self._built is None or self._built[0] != facts:
                made = make_classifier(self._parts, facts, self.modulations, self.snrs)
                load_weights(made, self._parts)
                self._built = facts, made.to(self._device).eval()
        return self._built[1]


@contextmanager
def as_arguments() -> Iterator[None]:
    """Refusals name keys of the configuration; here these are arguments of a call."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace("dataset.path", "iq").replace("dataset.", "")) from None


def usable(device: str) -> torch.device:
    """The device, if this machine has it."""
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:
        raise UserError(f"device: this machine has no {device!r}; use cpu, cuda, cuda:N or mps") from error
