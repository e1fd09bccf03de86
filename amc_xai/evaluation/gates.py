"""How much each expert of a mixture counts at each SNR: ``gates.csv``."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amc_xai.errors import UserError
from amc_xai.files import replacing


@dataclass(frozen=True, eq=False)
class GateShares:
    """Mean shares (S, E) of E ``experts`` over the ``frames`` (S,) at each of ``snrs`` (S,), ascending, in dB."""

    snrs: np.ndarray
    frames: np.ndarray
    experts: list[str]
    shares: np.ndarray

    @classmethod
    def of(cls, snr_label: np.ndarray, shares: np.ndarray, snrs: np.ndarray, experts: list[str]) -> "GateShares":
        """Mean by SNR of ``shares`` (N, E); a label (N,) is an index into ``snrs``, -1 (unknown) is left out."""
        present = [k for k in np.argsort(snrs) if (snr_label == k).any()]
        frames = [int((snr_label == k).sum()) for k in present]
        means = [shares[snr_label == k].mean(0, dtype=np.float64) for k in present]
        return cls(
            np.asarray(snrs, dtype=np.float64)[present],
            np.asarray(frames, dtype=np.int64),
            list(experts),
            np.asarray(means, dtype=np.float64).reshape(-1, len(experts)),
        )

    def save(self, path: str | Path) -> Path:
        """Write ``snr, frames`` and a column for each expert, by write-then-rename; return the path."""
        path = Path(path)
        with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["snr", "frames", *self.experts])
            for snr, frames, shares in zip(self.snrs, self.frames, self.shares, strict=True):
                writer.writerow([f"{snr:g}", frames, *(f"{share:.6f}" for share in shares)])
        return path

    @classmethod
    def load(cls, path: str | Path) -> "GateShares":
        """Read what :meth:`save` wrote. Raises ``UserError`` if a column is missing or a cell is no number."""
        with open(path, newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file)) or [[]]
        try:
            if header[:2] != ["snr", "frames"]:
                raise ValueError("the columns don't begin with snr, frames")
            table = np.array([[float(cell) for cell in row] for row in rows]).reshape(len(rows), len(header))
        except ValueError as error:
            raise UserError(f"gates: '{path}' is no table of shares by SNR ({error}).") from error
        return cls(table[:, 0], table[:, 1].astype(np.int64), header[2:], table[:, 2:])
