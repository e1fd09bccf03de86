"""Whether the names of classes fit the signals, as far as a few frames of each at a high SNR can say."""

from collections.abc import Callable, Sequence

import numpy as np

from amc_xai.signal.classes import LINEAR

LOOKED_AT = 32  # frames of a class
SHORTEST = 128  # samples: some 16 symbols
REAL = ("OOK", "4ASK", "8ASK", "BPSK")
COMPLEX = tuple(name for name in LINEAR if name not in REAL)
CONSTANT = ("FM", "GMSK")
VARYING = tuple(name for name in LINEAR if "ASK" in name or "QAM" in name)
# The mean of the squared signal over its power: 1 where all points lie on a line through 0, and near 0 else.
LINE = 0.6
# Standard deviation of the amplitude over its mean: 0 for a constant envelope, .3 where symbols change it.
NOT_CONSTANT = 0.35
NEARLY_CONSTANT = 0.12


def contradictions(
    read: Callable[[np.ndarray], np.ndarray],
    names: Sequence[str],
    classes: np.ndarray,
    snrs: np.ndarray,
    lowest: float,
) -> list[str]:
    """Sentences on the classes whose frames can't be what their name says; none where nothing can be told.

    ``read(rows)`` gives frames (n, L, 2); ``classes`` (N,) and ``snrs`` (N,) label them. A class is looked at on
    frames of its highest SNR, where that is at least ``lowest``.
    """
    said = []
    for number, name in enumerate(names):
        here = np.flatnonzero(classes == number)
        if not len(here) or snrs[here].max() < lowest:
            continue
        here = here[snrs[here] == snrs[here].max()]
        frames = read(here[np.unique(np.linspace(0, len(here) - 1, LOOKED_AT).astype(int))])
        if frames.shape[1] < SHORTEST:
            continue
        looks = looks_like(name, frames)
        if looks:
            said.append(f"{name} looks like {looks}")
    return said


def looks_like(name: str, frames: np.ndarray) -> str | None:
    """What frames (n, L, 2) of this class look like, if that isn't what the name says."""
    z = frames[..., 0].astype(np.float64) + 1j * frames[..., 1]
    z = z[np.isfinite(z).all(1) & (np.abs(z).max(1, initial=0) > 0)]
    if not len(z):
        return None
    z = z / np.abs(z).max(1, keepdims=True)  # squares of what was measured might overflow
    line = np.median(np.abs(np.mean(z**2, 1)) / np.mean(np.abs(z) ** 2, 1))
    swing = np.median(np.abs(z).std(1) / np.abs(z).mean(1))
    if name in REAL and line < LINE:
        return "a complex constellation"
    if name in COMPLEX and line > LINE:
        return "a real constellation"
    if name in CONSTANT and swing > NOT_CONSTANT:
        return "a signal of varying amplitude"
    if name in VARYING and swing < NEARLY_CONSTANT:
        return "a signal of constant amplitude"
    return None
