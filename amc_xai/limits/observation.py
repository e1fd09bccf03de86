"""What a receiver with perfect synchronisation has of a frame: its sufficient statistics, drawn directly.

A frame of L samples holds K symbols on orthonormal pulses. With known pulse, timing, phase and carrier, all
that it says lies in the K outputs of the matched filter, y_k = a_k + n_k with E|n_k|^2 = N0 (in units of Es),
and in the energy of the L - K complex dimensions that hold nothing but noise: N0 / 2 times a chi-square with
2 (L - K) degrees of freedom. (Proakis and Salehi, Digital Communications, section 4.2.) The partial symbols
at a frame's two ends count as whole ones, so that what follows is an upper bound (`FrameModel.of`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from amc_xai.errors import UserError, guess
from amc_xai.signal.classes import ANALOG, MODULATIONS
from amc_xai.signal.constellations import UNIPOLAR
from amc_xai.signal.filters import root_raised_cosine_spectrum
from amc_xai.signal.snr import check_definition, es_n0_db


@dataclass(frozen=True)
class FrameModel:
    """The frames of which the limit is asked for. Raises UserError on a bad value."""

    symbols: int = 128
    """K, symbols in a frame."""
    samples: int = 1024
    """L, complex samples in a frame."""
    roll_off: tuple[float, float] = (0.1, 0.4)
    """Of the root-raised-cosine pulse, drawn uniformly between the two; matters for OQPSK alone."""
    snr_definition: str = "es_n0"
    """As `signal.snr` has them. A power ratio a sample is smaller than Es/N0 by the samples a symbol."""
    samples_per_symbol: float | None = None
    """Of the signal; None: L / K."""

    @classmethod
    def of(
        cls, frame_length: int, samples_per_symbol: float, roll_off: tuple[float, float], snr_definition: str
    ) -> "FrameModel":
        """The model of frames that begin anywhere in a symbol: no less than what they say of their class.

        A frame of L samples holds the energy of L / sps symbols, the outer ones in part. Counting each of these as
        whole, and one more for the pulses that reach in from beyond, never falls short of the likelihood of the
        frame itself; leaving them out does, by 4 points of accuracy at two symbols a frame.
        """
        symbols = math.ceil(frame_length / samples_per_symbol) + 1
        return cls(symbols, frame_length, roll_off, snr_definition, samples_per_symbol)

    def __post_init__(self) -> None:
        if not 1 <= self.symbols < self.samples:
            raise UserError(
                f"limits: a frame of {self.samples} samples with {self.symbols} symbols has no such limit; "
                "allowed are 1 symbol or more, and more samples than symbols"
            )
        check_definition(self.snr_definition, "limits: snr_definition")

    def es_n0_db(self, snr_db: float, modulation: str = "QPSK") -> float:
        """Es/N0 in dB of one class (whose power may be its own) at an SNR as ``snr_definition`` counts it.

        Raises UserError for a class whose power under this definition isn't known.
        """
        plain = modulation.removeprefix("unipolar ")
        found = es_n0_db(
            snr_db, self.snr_definition, plain, self.samples_per_symbol or self.samples / self.symbols
        )
        if found is None:
            raise UserError(
                f"limits: the power of {plain} under {self.snr_definition} was never measured, so its Es/N0 isn't "
                "known; leave it out"
            )
        return found

    def es_n0(self, snr_db: float, modulation: str) -> float:
        """The same as a ratio."""
        return 10 ** (self.es_n0_db(snr_db, modulation) / 10)

    def amplitude(self, modulation: str) -> float:
        """RMS of a class over that of one of unit power, with the same noise."""
        return 10 ** ((self.es_n0_db(0.0, modulation) - self.es_n0_db(0.0)) / 20)


class Observation(NamedTuple):
    """B frames, in units in which the expected symbol energy is 1."""

    symbols: torch.Tensor
    """complex64 (B, K): matched filter outputs at the symbol instants."""
    late: torch.Tensor
    """complex64 (B, K): matched filter outputs half a symbol later."""
    energy: torch.Tensor
    """float64 (B,): energy of the whole frame."""

    def outputs(self, staggered: bool) -> torch.Tensor:
        """The outputs (B, K) that a class is judged by: OQPSK sends the imaginary part half a symbol late."""
        return torch.complex(self.symbols.real, self.late.imag) if staggered else self.symbols

    def scaled(self, amplitude: float | torch.Tensor) -> "Observation":
        """The same frames, of another amplitude: one for all, or (B, 1)."""
        square = torch.as_tensor(amplitude, dtype=torch.float64).square().reshape(-1)
        return Observation(self.symbols * amplitude, self.late * amplitude, self.energy * square)

    def of(self, staggered: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """(outputs, energy outside their space) that a class is judged by."""
        outputs = self.outputs(staggered)
        return outputs, self.energy - outputs.abs().double().square().sum(1)


def observe(
    points: np.ndarray,
    staggered: bool,
    noise: float,
    frames: int,
    model: FrameModel,
    rng: np.random.Generator,
) -> Observation:
    """Draw ``frames`` frames of one class: points complex (M,), noise = N0 / Es.

    The spaces spanned by pulses at k T and at (k + 1/2) T overlap: with the raised-cosine spectrum R, the one's
    coefficients are those of the other times exp(j pi f) h(f), h(f) = R(f) - R(1 - f) over 0 <= f <= 1/2 (cycles
    a symbol), plus sqrt(1 - h^2) times noise that the other doesn't hold. Taken over one period of K symbols.
    """
    count = model.symbols
    shape = (frames, count)
    deviation = math.sqrt(noise / 2)
    sent = points[rng.integers(0, len(points), shape)]
    own = sent + deviation * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))

    frequency = np.arange(count // 2 + 1) / count
    roll_off = rng.uniform(*model.roll_off, (frames, 1))
    overlap = raised_cosine(frequency, roll_off) - raised_cosine(1 - frequency, roll_off)
    missed = np.sqrt(np.clip(1 - overlap**2, 0, None))
    # The dimensions that only the other space holds are part of what lies outside this one.
    both_sides = np.where((frequency == 0) | (2 * frequency == 1), 1, 2) * (missed > 1e-6)
    energy = (own.real**2 + own.imag**2).sum(1)

    def other(part: np.ndarray, later: bool) -> np.ndarray:
        nonlocal energy
        white = np.fft.rfft(deviation * rng.standard_normal(shape))
        energy = energy + (both_sides * np.abs(white) ** 2).sum(1) / count
        turn = np.exp((1j if later else -1j) * np.pi * frequency)
        return np.fft.irfft(turn * (overlap * np.fft.rfft(part) + missed * white), count)

    late_real, other_imag = other(own.real, True), other(own.imag, not staggered)
    imag, late_imag = (other_imag, own.imag) if staggered else (own.imag, other_imag)
    rest = np.clip(2 * (model.samples - count) - 2 * both_sides.sum(1), 0, None)
    energy = energy + noise / 2 * rng.chisquare(np.where(rest > 0, rest, 1)) * (rest > 0)
    symbols, late = own.real + 1j * imag, late_real + 1j * late_imag
    return Observation(
        torch.from_numpy(symbols.astype(np.complex64)),
        torch.from_numpy(late.astype(np.complex64)),
        torch.from_numpy(energy),
    )


def raised_cosine(frequency: np.ndarray, roll_off: np.ndarray) -> np.ndarray:
    """Raised-cosine spectrum at frequencies in cycles a symbol."""
    shape = root_raised_cosine_spectrum(torch.from_numpy(frequency)[None, :], torch.from_numpy(roll_off))
    return shape.square().numpy()


def check_classes(modulations: Sequence[str]) -> None:
    """Raise UserError for an unknown class, an analog one, or none at all."""
    if not modulations:
        raise UserError("limits: there is no class of which to find a limit")
    for name in modulations:
        if name not in MODULATIONS and name not in UNIPOLAR.values():
            raise UserError(
                f"limits: {name!r} is unknown{guess(name, MODULATIONS)}, allowed are {', '.join(MODULATIONS)}"
            )
        if name in ANALOG:
            raise UserError(
                f"limits: {name} sends a message and no symbols, so it has no likelihood over symbols; leave the "
                f"analog classes ({', '.join(ANALOG)}) out"
            )
