"""``inspection.json`` and ``inspection.npz``: what ``task=inspect`` found, and what its pictures need."""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from amc_xai.errors import UserError
from amc_xai.files import replacing

ABOUT, ARRAYS = "inspection.json", "inspection.npz"
OF_RECORDINGS = ("power", "edges", "cut_start", "cut_stop", "cut_label")


@dataclass(frozen=True, eq=False)
class RecordingPicture:
    """One recording over time: ``power`` (F, T) in dB, NaN where no frame was cut; ``edges`` (T + 1,) in samples;
    ``cut_start``, ``cut_stop`` (C,) in samples and ``cut_label`` (C,) str of the stretches that became frames."""

    name: str
    power: np.ndarray
    edges: np.ndarray
    cut_start: np.ndarray
    cut_stop: np.ndarray
    cut_label: np.ndarray


@dataclass(frozen=True, eq=False)
class Inspection:
    """``about``: the fields of ``inspection.json``. ``rms`` (N,) of each frame, NaN where it can't be read;
    ``modulation_label`` (N,) int64, -1 unknown. ``value_counts`` (K,) magnitudes of I and Q between
    ``value_edges`` (K + 1,) in powers of ten. ``spectra`` (C, F): mean power at ``frequency`` (F,), cycles a
    sample, of the classes ``spectrum_names`` (C,) at their highest SNR.
    """

    about: dict[str, Any]
    rms: np.ndarray
    modulation_label: np.ndarray
    value_edges: np.ndarray
    value_counts: np.ndarray
    frequency: np.ndarray
    spectra: np.ndarray
    spectrum_names: np.ndarray
    recordings: list[RecordingPicture] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Write both files by write-then-rename."""
        with replacing(folder / ABOUT) as temporary:
            temporary.write_text(json.dumps(self.about, indent=1), encoding="utf-8")
        arrays = {name: getattr(self, name) for name in _names()}
        arrays["recording_names"] = np.asarray([picture.name for picture in self.recordings], dtype=np.str_)
        for k, picture in enumerate(self.recordings):
            arrays |= {f"{name}_{k}": getattr(picture, name) for name in OF_RECORDINGS}
        with replacing(folder / ARRAYS) as temporary:
            np.savez_compressed(temporary, **arrays)


def _names() -> list[str]:
    return [name for name in Inspection.__dataclass_fields__ if name not in ("about", "recordings")]


def read_about(folder: Path) -> dict[str, Any]:
    """``inspection.json`` of a run folder.

    Raises:
        UserError: if it is broken.
    """
    try:
        return json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"inspection: '{folder / ABOUT}' can't be read ({error}).") from error


def read_inspection(folder: Path) -> Inspection:
    """Both files of a run folder.

    Raises:
        UserError: if one is absent or broken.
    """
    try:
        about = read_about(folder)
        with np.load(folder / ARRAYS, allow_pickle=False) as file:
            names = file["recording_names"].tolist()
            pictures = [
                RecordingPicture(name, *(file[f"{part}_{k}"] for part in OF_RECORDINGS))
                for k, name in enumerate(names)
            ]
            return Inspection(about, **{name: file[name] for name in _names()}, recordings=pictures)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"inspection: '{folder}' holds no readable {ABOUT} and {ARRAYS} ({error}).") from error
