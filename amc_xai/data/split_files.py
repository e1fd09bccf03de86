"""The files of a split store: one for each modulation and SNR, written whole and found again.

``<root>/<modulation>/SNR_<snr>/<modulation>_SNR_<snr>.h5`` with the dataset ``X`` (n, L, 2) float32,
channel 0 = I and 1 = Q. Written contiguous, so that frames can be read at random without decompression.
"""

import re
from pathlib import Path

import h5py
import numpy as np

from amc_xai.data.cell_names import class_name, class_of, snr_name
from amc_xai.data.hdf5 import BY_FRAME
from amc_xai.errors import UserError
from amc_xai.files import replacing

SNR_FOLDER = re.compile(r"SNR_([+-]?\d+(?:\.\d+)?)", re.IGNORECASE)


def cell_path(root: Path, modulation: str, snr: float, ending: str = ".h5") -> Path:
    """Where the frames of one cell lie: always below ``root``, and no two cells in one file."""
    name, level = class_name(modulation), f"SNR_{snr_name(snr)}"
    return root / name / level / f"{name}_{level}{ending}"


def write_cell(
    root: Path, modulation: str, snr: float, iq: np.ndarray, attributes: dict, by_frame: dict | None = None
) -> Path:
    """Write the frames ``iq`` (n, 2, L) of one cell; the file appears whole or not at all.

    ``attributes`` hold the facts of all frames, ``by_frame`` what differs between them, an array (n,) for each of
    ``hdf5.BY_FRAME``; None is not known.
    """
    path = cell_path(root, modulation, snr)
    with replacing(path) as temporary, h5py.File(temporary, "w", libver="latest") as file:
        file.create_dataset("X", data=np.ascontiguousarray(iq.transpose(0, 2, 1), dtype=np.float32))
        for name, values in (by_frame or {}).items():
            if values is not None:
                file.create_dataset(name, data=np.asarray(values, dtype=BY_FRAME[name]))
        file.attrs.update({key: value for key, value in attributes.items() if value is not None})
    return path


def find_cells(root: Path) -> dict[tuple[str, float], Path]:
    """The files of a store by (modulation, SNR).

    Raises:
        UserError: if the folder does not exist or holds no such file.
    """
    if not root.is_dir():
        raise UserError(
            f"dataset.path: {root} is not a folder; it must hold files named "
            "<modulation>/SNR_<snr>/<modulation>_SNR_<snr>.h5"
        )
    cells: dict[tuple[str, float], Path] = {}
    for path in sorted(root.glob("*/[sS][nN][rR]_*/*.[hH]*5")):
        match = SNR_FOLDER.fullmatch(path.parent.name)
        folder = path.parent.parent.name
        modulation = class_of(folder)
        # Trees made by hand vary in case ("snr_10") and in the ending (".h5", ".hdf5").
        if match and path.stem.lower() == f"{folder}_{path.parent.name}".lower():
            twin = cells.setdefault((modulation, float(match[1])), path)
            if twin != path:
                raise UserError(f"dataset.path: {twin} and {path} both claim to be {modulation} at {match[1]} dB")
    if not cells:
        raise UserError(
            f"dataset.path: {root} holds no file named <modulation>/SNR_<snr>/<modulation>_SNR_<snr>.h5"
        )
    return cells
