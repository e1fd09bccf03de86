"""One's own recordings, cut into frames; labels from SigMF annotations or from a CSV, or none."""

import csv
import logging
from pathlib import Path

import numpy as np
import torch

from amc_xai.data.choice import check_count, check_facts, choose_modulations, choose_snrs
from amc_xai.data.contracts import Origin
from amc_xai.data.copies import one_for_copies
from amc_xai.data.hdf5 import check_finite
from amc_xai.data.recording_files import SUFFIXES, Label, Recording, open_recording
from amc_xai.data.split import cell_index
from amc_xai.errors import UserError

log = logging.getLogger(__name__)
CSV_COLUMNS = ("file", "start", "stop", "modulation", "snr")


class Recordings:
    """Frames of ``frame_length`` samples, one every ``hop``, from a recording or a folder of them.

    A frame has each label from the shortest stretch (annotation or CSV row) that holds it whole and tells it; -1
    where there is none.

    Args:
        path: a file, or a folder that is searched for files with one of the endings ``SUFFIXES``.
        frame_length: samples in a frame.
        hop: samples from the start of a frame to that of the next; None = ``frame_length``.
        sample_rate: in Hz, for files that don't carry one.
        samples_per_symbol: of the signals; None = not known.
        labels: a CSV file with the columns file, start, stop, modulation, snr; all but ``file`` may be empty
            (start and stop in samples, empty = from the first, to the last). It takes the place of annotations.
        modulations: keep frames of these classes alone; None = all frames, unlabelled ones included.
        snrs: keep frames of these SNRs alone; None = all frames.
        frames_per_cell: take at most so many frames of each (modulation, SNR) cell; None = all.
        snr_definition: what the labels' SNR means (`signal.snr.DEFINITIONS`); None = not known.

    Raises:
        UserError: for an unreadable file, differing or absent sample rates, or a file too short for a frame.
    """

    def __init__(
        self,
        path: str | None,
        frame_length: int = 1024,
        hop: int | None = None,
        sample_rate: float | None = None,
        samples_per_symbol: float | None = None,
        labels: str | None = None,
        modulations: list[str] | str | None = None,
        snrs: list[float] | None = None,
        frames_per_cell: int | None = None,
        snr_definition: str | None = None,
    ):
        if path is None:
            raise UserError("dataset.path must name a recording or a folder of them (dataset.path=FILE_OR_FOLDER)")
        check_facts(samples_per_symbol, sample_rate, snr_definition)
        check_count("dataset.frame_length", frame_length, null=False)
        check_count("dataset.hop", hop)
        check_count("dataset.frames_per_cell", frames_per_cell)
        self.frame_length = frame_length
        self.samples_per_symbol = samples_per_symbol
        self.snr_definition = snr_definition
        self.files = find_recordings(Path(path))
        recordings = [open_recording(file) for file in self.files]
        self.sample_rate = common_rate(recordings, sample_rate)
        real = [recording.path for recording in recordings if recording.components.shape[1] == 1]
        if real:
            log.warning(
                "%d of %d recordings hold real samples, not I/Q (such as %s): they are taken as I, and Q is 0",
                len(real), len(recordings), real[0],
            )  # fmt: skip
        if labels is not None:
            read_labels(Path(str(labels)), recordings)
        named = [label for recording in recordings for label in recording.labels]
        held = sorted({label.modulation for label in named if label.modulation is not None})
        levels = sorted({label.snr for label in named if label.snr is not None})
        self.modulations = choose_modulations(modulations, held, path) if held or modulations else []
        self.snrs = choose_snrs(snrs, levels, path) if levels or snrs else []
        columns = [self._cut(recording, hop or frame_length) for recording in recordings]
        self.start = np.concatenate([c[0] for c in columns])
        self.file_index = np.repeat(np.arange(len(columns)), [len(c[0]) for c in columns])
        self.modulation_index = np.concatenate([c[1] for c in columns])
        self.snr_index = np.concatenate([c[2] for c in columns])
        keep = np.ones(len(self.start), dtype=bool)
        if modulations is not None:
            keep &= self.modulation_index >= 0
        if snrs is not None:
            keep &= self.snr_index >= 0
        self._keep(np.flatnonzero(keep))
        if frames_per_cell is not None:
            cell = cell_index(self.modulation_index, self.snr_index)
            self._keep(np.sort(np.concatenate([np.flatnonzero(cell == c)[:frames_per_cell] for c in set(cell)])))
        if not len(self.start):
            raise UserError(
                f"dataset.path: {path} gives no frame of {frame_length} samples with the labels asked for; lower"
                " dataset.frame_length, or set dataset.modulations and dataset.snrs to null"
            )
        self.origin = Origin(one_for_copies(recordings)[self.file_index], self.start, frame_length)
        self._recordings: list[Recording] | None = recordings

    def _cut(self, recording: Recording, hop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Starts and labels of a recording's frames."""
        start = np.arange(0, len(recording) - self.frame_length + 1, hop)
        modulation, snr = np.full(len(start), -1), np.full(len(start), -1)
        # The shortest stretch says most, so it has the last word.
        for label in sorted(recording.labels, key=lambda label: label.start - label.stop):
            inside = (start >= label.start) & (start + self.frame_length <= label.stop)
            if label.modulation is not None:
                modulation[inside] = position(label.modulation, self.modulations)
            if label.snr is not None:
                snr[inside] = position(label.snr, self.snrs)
        return start, modulation, snr

    def _keep(self, which: np.ndarray) -> None:
        for name in ("start", "file_index", "modulation_index", "snr_index"):
            setattr(self, name, getattr(self, name)[which])

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Frames (n, 2, L) float32 at these positions of the label arrays.

        Raises:
            UserError: naming the file and the first sample of a frame that isn't finite.
        """
        if self._recordings is None:
            self._recordings = [open_recording(file) for file in self.files]
        indices = np.asarray(indices)
        frames = np.empty((len(indices), 2, self.frame_length), np.float32)
        for k, i in enumerate(indices):
            recording = self._recordings[self.file_index[i]]
            frames[k] = recording.read(self.start[i], self.frame_length)
            check_finite(frames[k : k + 1], self.start[i : i + 1], f"{recording.path} (named by its first sample)")
        return torch.from_numpy(frames)

    def __getstate__(self) -> dict:
        # A worker process opens its own maps.
        return {**self.__dict__, "_recordings": None}


def position(value: str | float | None, among: list) -> int:
    """The index of ``value``, -1 where it is not among them."""
    return among.index(value) if value in among else -1


def find_recordings(path: Path) -> list[Path]:
    """The recording itself, or all below a folder, sorted.

    Raises:
        UserError: if there is none.
    """
    kinds = ", ".join(SUFFIXES)
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        if not found:
            raise UserError(f"dataset.path: {path} holds no recording; these are read: {kinds}")
        return found
    if path.suffix == ".sigmf-data":
        path = path.with_suffix(".sigmf-meta")
    if not path.is_file():
        raise UserError(f"dataset.path: there is no file or folder {path}")
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"dataset.path: {path} has no ending of a recording; these are read: {kinds}")
    return [path]


def common_rate(recordings: list[Recording], given: float | None) -> float:
    """The sample rate of all recordings in Hz.

    Raises:
        UserError: if a file carries none and none was given, or two disagree.
    """
    for recording in recordings:
        if recording.sample_rate is None and given is None:
            raise UserError(
                f"dataset.sample_rate must be given in Hz: {recording.path} carries none (dataset.sample_rate=1e6)"
            )
    rates = {recording.sample_rate or given: recording.path for recording in recordings}
    if given is not None:
        rates.setdefault(given, Path("dataset.sample_rate"))
    if len(rates) > 1:
        (one, first), (other, second) = list(rates.items())[:2]
        raise UserError(
            f"dataset.sample_rate: {first} has {one:g} Hz but {second} has {other:g} Hz; resample to one rate"
        )
    return float(next(iter(rates)))


def read_labels(path: Path, recordings: list[Recording]) -> None:
    """Give the recordings the labels of a CSV file.

    Raises:
        UserError: if it is absent, lacks a column, or names an unknown file or a number that is none.
    """
    if not path.is_file():
        raise UserError(f"dataset.labels: there is no file {path}")
    by_name = {recording.path.name: recording for recording in recordings}
    by_name |= {recording.path.stem: recording for recording in recordings}
    for recording in recordings:
        recording.labels = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [c for c in CSV_COLUMNS if c not in (reader.fieldnames or [])]
        if missing:
            raise UserError(
                f"dataset.labels: {path} lacks the column {missing[0]}; it needs {', '.join(CSV_COLUMNS)}"
            )
        for number, row in enumerate(reader, 2):
            recording = by_name.get(Path(row["file"]).name)
            if recording is None:
                raise UserError(f"dataset.labels: line {number} of {path} names {row['file']}, which isn't there")
            try:
                start, stop = int(row["start"] or 0), int(row["stop"] or len(recording))
                snr = float(row["snr"]) if row["snr"] else None
            except ValueError as error:
                raise UserError(f"dataset.labels: line {number} of {path}: {error}") from error
            recording.labels.append(Label(start, stop, row["modulation"] or None, snr))
