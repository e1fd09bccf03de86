"""The frames of a source in one ``.npz``, as ``dataset=arrays`` reads it; written piece by piece."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from amc_xai.data.contracts import FrameSource, lengths_of, rates_of
from amc_xai.errors import UserError
from amc_xai.files import replacing

NAME = "frames.npz"
AT_ONCE = 4096


def written_frames(source: FrameSource) -> np.ndarray:
    """Those with a class; all of a source without any. A name for the others would make them a class."""
    labelled = np.flatnonzero(source.modulation_index >= 0)
    return labelled if len(labelled) else np.arange(len(source.modulation_index))


def write_npz(source: FrameSource, path: Path, chunks: Iterable[np.ndarray]) -> None:
    """Write ``X`` (N, 2, L) float32, ``y`` (N,) class names and ``snr`` (N,) in dB, whole or not at all.

    An unknown SNR is NaN; of a source without classes there is no ``y``, without SNRs no ``snr``. Beside them,
    where the source knows them: ``samples_per_symbol``, one or (N,), ``sample_rate`` in Hz, ``snr_definition``.

    Args:
        chunks: the positions of :func:`written_frames`, a piece at a time.

    Raises:
        UserError: for frames of several lengths.
    """
    if lengths_of(source) is not None:
        raise UserError("dataset.frame_length: a .npz file holds frames of one length; give it one value")
    kept = written_frames(source)
    frames = len(kept)
    arrays = {}
    if source.modulations and (source.modulation_index >= 0).any():
        arrays["y"] = np.array(source.modulations, dtype=np.str_)[source.modulation_index[kept]]
    if (source.snr_index[kept] >= 0).any():
        arrays["snr"] = np.array([*source.snrs, np.nan], dtype=np.float64)[source.snr_index[kept]]
    rates = rates_of(source, kept)
    facts = {"sample_rate": source.sample_rate, "snr_definition": source.snr_definition}
    facts["samples_per_symbol"] = source.samples_per_symbol if rates is None else rates.numpy()
    arrays |= {key: np.asarray(value) for key, value in facts.items() if value is not None}
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("X.npy", "w", force_zip64=True) as file:
            shape = (frames, 2, source.frame_length)
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_2_0(file, header)
            for chunk in chunks:
                file.write(np.ascontiguousarray(source.read(chunk).numpy(), dtype="<f4").tobytes())
        for key, value in arrays.items():
            with archive.open(f"{key}.npy", "w") as file:
                np.lib.format.write_array(file, value, allow_pickle=False)
