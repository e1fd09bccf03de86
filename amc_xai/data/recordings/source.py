"""One's own recordings, cut into frames; labels from SigMF annotations or from a CSV, or none."""

import logging
from pathlib import Path

import numpy as np
import torch

from amc_xai.data.choice import check_count, check_facts, check_switch, choose_modulations, choose_snrs
from amc_xai.data.contracts import Origin
from amc_xai.data.recordings.cutting import frame_labels, frame_starts, report_short
from amc_xai.data.recordings.finding import open_all
from amc_xai.data.recordings.labels import read_labels, settle_snrs
from amc_xai.data.recordings.origins import one_for_the_same_samples
from amc_xai.data.recordings.rates import common_rate
from amc_xai.data.recordings.reading import Reading
from amc_xai.data.recordings.recording import Recording
from amc_xai.data.recordings.squelch import transmitting
from amc_xai.data.recordings.values import check_values
from amc_xai.data.split import cell_index
from amc_xai.errors import UserError

log = logging.getLogger(__name__)


class Recordings:
    """Frames of ``frame_length`` samples, one every ``hop``, from a recording or a folder of them.

    A frame has each label from the shortest stretch (annotation or CSV row) that holds it whole and tells it; -1
    where there is none. ``docs/data.md`` lists the formats. Of each frame, ``file_index`` is the place of its
    recording in ``recordings``, ``files`` and ``names``, and ``start`` its first sample, counted from the file's.

    Args:
        path: a file, or a folder that is searched for files with the ending of a recording.
        frame_length: samples in a frame.
        hop: samples from the start of a frame to that of the next; None = ``frame_length``.
        sample_rate: in Hz; wins over what files say. None = as they say; needed only for bands told in Hz.
        samples_per_symbol: of the signals; None = not known.
        datatype: the type of the samples in files without a header, as SigMF names it (``ci16_le``); wins over
            endings and SigMF's headers. None = by these.
        antenna: the channel of files that hold several, from 0 on; None = of files that hold one.
        bands: whether annotations with edges in frequency are mixed down and filtered to their band, each band a
            recording of its own.
        labels: a CSV file with the columns file, start, stop, modulation, snr; all but ``file`` may be empty
            (start and stop in samples, empty = from the first, to the last). It takes the place of annotations.
        modulations: keep frames of these classes alone; None = all frames, unlabelled ones included.
        snrs: keep frames of these SNRs alone; None = all frames.
        snr_step: round the labels' SNRs to multiples of so many dB; None = as they are.
        squelch: keep frames whose power is so many dB over their recording's noise floor; None = all. Where an
            annotation marks a band, it says who transmits when, and no frame is left out.
        frames_per_cell: take at most so many frames of each (modulation, SNR) cell; None = all.
        snr_definition: what the labels' SNR means (`signal.snr.DEFINITIONS`); None = not known.

    Raises:
        UserError: for a file that can't be read, or if no frame is left.
    """

    def __init__(
        self,
        path: str | None,
        frame_length: int = 1024,
        hop: int | None = None,
        sample_rate: float | None = None,
        samples_per_symbol: float | None = None,
        datatype: str | None = None,
        antenna: int | None = None,
        bands: bool = True,
        labels: str | None = None,
        modulations: list[str] | str | None = None,
        snrs: list[float] | None = None,
        snr_step: float | None = None,
        squelch: float | None = None,
        frames_per_cell: int | None = None,
        snr_definition: str | None = None,
    ):
        if path is None:
            raise UserError("dataset.path must name a recording or a folder of them (dataset.path=FILE_OR_FOLDER)")
        check_facts(samples_per_symbol, sample_rate, snr_definition)
        check_count("dataset.frame_length", frame_length, null=False)
        check_count("dataset.hop", hop)
        check_count("dataset.frames_per_cell", frames_per_cell)
        check_switch("dataset.bands", bands)
        check_antenna(antenna)
        check_decibels("snr_step", snr_step, 0.01)
        check_decibels("squelch", squelch, 0.0)
        self.frame_length = frame_length
        self.samples_per_symbol = samples_per_symbol
        self.snr_definition = snr_definition
        self.recordings = open_all(Path(path), Reading(datatype, antenna, bands, sample_rate, labels is None))
        self.files = [recording.path for recording in self.recordings]
        self.names = [recording.name for recording in self.recordings]
        self.sample_rate = common_rate(self.recordings, sample_rate, samples_per_symbol)
        self._report_real()
        if labels is not None:
            read_labels(Path(str(labels)), self.recordings, Path(path))
        held = {label.modulation for r in self.recordings for label in r.labels if label.modulation is not None}
        levels = settle_snrs(self.recordings, snr_step)
        self.modulations = choose_modulations(modulations, sorted(held), path) if held or modulations else []
        self.snrs = choose_snrs(snrs, levels, path) if levels or snrs else []
        self._cut(hop or frame_length)
        if modulations is not None:
            self._keep(self.modulation_index >= 0)
        if snrs is not None:
            self._keep(self.snr_index >= 0)
        self._refuse_if_none(path, "with the labels asked for; lower dataset.frame_length, or set "
                                   "dataset.modulations and dataset.snrs to null")  # fmt: skip
        if squelch is not None:
            self._squelch(squelch)
            self._refuse_if_none(path, f"whose power is {squelch:g} dB over the noise floor; lower "
                                       "dataset.squelch, or set it to null")  # fmt: skip
        if frames_per_cell is not None:
            cell = cell_index(self.modulation_index, self.snr_index)
            self._keep(np.sort(np.concatenate([np.flatnonzero(cell == c)[:frames_per_cell] for c in set(cell)])))
        number = one_for_the_same_samples(self.recordings)
        self.origin = Origin(number[self.file_index], self.start, frame_length)

    def _report_real(self) -> None:
        real = [recording.path for recording in self.recordings if recording.real]
        if real:
            log.warning(
                "%d of %d recordings hold real samples, not I/Q (such as %s): they are taken as I, and Q is 0",
                len(real), len(self.recordings), real[0],
            )  # fmt: skip

    def _cut(self, hop: int) -> None:
        """Starts and labels of all frames."""
        starts = [frame_starts(recording, self.frame_length, hop) for recording in self.recordings]
        report_short(self.recordings, self.frame_length)
        labels = [
            frame_labels(start, recording.labels, self.frame_length, self.modulations, self.snrs)
            for start, recording in zip(starts, self.recordings, strict=True)
        ]
        self.start = np.concatenate(starts)
        self.file_index = np.repeat(np.arange(len(starts)), [len(start) for start in starts])
        self.modulation_index, self.snr_index = (np.concatenate(column) for column in zip(*labels, strict=True))

    def _squelch(self, above_db: float) -> None:
        """Leave out frames in which nobody transmits; ``noise_floors`` of recordings are NaN where not read."""
        self.noise_floors = np.full(len(self.recordings), np.nan)
        loud = np.ones(len(self.start), dtype=bool)
        first = np.searchsorted(self.file_index, np.arange(len(self.recordings) + 1))
        for k, recording in enumerate(self.recordings):
            here = slice(first[k], first[k + 1])
            if recording.band is None and first[k] < first[k + 1]:
                loud[here], self.noise_floors[k] = transmitting(
                    recording, self.start[here], self.frame_length, above_db
                )
        self._keep(loud)

    def _keep(self, which: np.ndarray) -> None:
        for name in ("start", "file_index", "modulation_index", "snr_index"):
            setattr(self, name, getattr(self, name)[which])

    def _refuse_if_none(self, path: str, what: str) -> None:
        if not len(self.start):
            raise UserError(f"dataset.path: {path} gives no frame of {self.frame_length} samples {what}")

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Frames (n, 2, L) float32 at these positions of the label arrays.

        Raises:
            UserError: naming the file and the first sample of a frame that isn't finite, or is absurdly large.
        """
        indices = np.asarray(indices)
        frames = np.empty((len(indices), 2, self.frame_length), np.float32)
        for k, i in enumerate(indices):
            frames[k] = self._recording(i).read(int(self.start[i]), self.frame_length)
        check_values(frames, lambda k: (self._recording(indices[k]), int(self.start[indices[k]])))
        return torch.from_numpy(frames)

    def _recording(self, index: int) -> Recording:
        return self.recordings[self.file_index[index]]


def check_antenna(value: int | None) -> None:
    """Raise UserError unless it is the number of a channel, or None."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise UserError(f"dataset.antenna must be the number of a channel, from 0 on, or null, not {value!r}")


def check_decibels(key: str, value: float | None, least: float) -> None:
    """Raise UserError unless ``value`` is a number of dB in reason, or None."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and least <= value <= 200):
        raise UserError(f"dataset.{key} must be a number of dB, {least:g} to 200, or null, not {value!r}")
