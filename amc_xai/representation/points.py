"""The constellation as points instead of a picture: the symbols of a frame, after blind synchronisation."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from amc_xai.data.contracts import Facts
from amc_xai.errors import UserError
from amc_xai.representation.constellation import normalise_power
from amc_xai.representation.synchronisation import (
    band_has_outside,
    check_blind,
    find_carrier,
    matched_filter,
    outside_band,
    sample_at,
    staggered_carrier,
    symbol_timing,
    turned_power,
)

# Order and weight of the power that each of these takes the carrier out by.
RECOVERY = {
    "recovered_2": (2, 2),
    "recovered": (4, 4),
    "recovered_outer": (4, 12),
    "recovered_8": (8, 4),
    "recovered_16": (16, 4),
}
GROUPS = (*RECOVERY, "staggered", "differential", "amplitude", "noise")
# The signal's power is estimated as what the noise leaves; of symbols that hold noise alone, this share counts.
LEAST_SIGNAL = 0.05
# Share of a frame over which its beginning and its end fade before the noise is measured.
TAPER = 0.05
# Es/N0 of 15 dB becomes 0 and 10 dB more are 1; above 45 dB nothing more is told.
MIDDLE_DB, SPAN_DB, HIGHEST = 15.0, 10.0, 3.0


class Points(nn.Module):
    """I/Q (B, 2, L) -> sequences (B, C, K) over the K symbols of a frame; ``groups`` chooses the channels:

    - ``recovered_2``, ``recovered``, ``recovered_8``, ``recovered_16``: I and Q of the symbols with carrier
      offset and phase taken out by the second, fourth, eighth and sixteenth power, and the strength of the line
      that told them, the same at each symbol.
    - ``recovered_outer``: by the fourth power of the outermost points, which finds the carrier of dense QAM.
    - ``staggered``: as OQPSK sends them, with timing and carrier of their own: I and Q at the symbol instants and
      half a symbol later, and the strength of the lines that told them.
    - ``differential``: s[n] s*[n-1] with the square root of its magnitude: phase drops out.
    - ``amplitude``: of each symbol.
    - ``noise``: Es/N0 by the power outside the signal's band, the same at each symbol: (dB - 15) / 10.

    Symbols are scaled to unit power of the signal, without the noise where it can be told (``noise`` is among the
    groups), so that the ideal points stand still as the noise grows.

    Args:
        facts: of the frames: samples a symbol, 2 or more; up to 2.4 the band has no outside, and
            ``noise`` can't be read.
        groups: which of these, in this order.
        roll_off: of the matched filter.
        carrier_reach: largest carrier offset that is looked for, in cycles a symbol.

    Raises:
        UserError: for samples a symbol that aren't known, an unknown group, or noise without a band for it.
    """

    version = 1

    def __init__(
        self,
        facts: Facts,
        groups: Sequence[str] = GROUPS,
        roll_off: float = 0.25,
        carrier_reach: float = 0.003,
    ):
        super().__init__()
        unknown = [g for g in groups if g not in GROUPS]
        if unknown or not groups or len(set(groups)) < len(groups):
            wrong = f"there is no group {unknown[0]!r}" if unknown else "name each group once, and at least one"
            raise UserError(f"representation.groups: {wrong}; choose from {', '.join(GROUPS)}")
        samples_per_symbol = check_blind(facts, carrier_reach)
        if "noise" in groups and not band_has_outside(samples_per_symbol):
            raise UserError(
                f"representation.groups: at {samples_per_symbol:g} samples a symbol the signal fills the band, so "
                "noise can't be told; leave it out"
            )
        self.groups = tuple(groups)
        self.samples_per_symbol = samples_per_symbol
        self.roll_off = roll_off
        self.carrier_reach = carrier_reach
        self.channels = tuple(name for group in self.groups for name in _names(group))

    def output_shape(self, frame_length: int) -> tuple[int, int]:
        """(C, K) of the sequences of frames of ``frame_length`` samples."""
        return len(self.channels), self._count(frame_length)

    def _count(self, frame_length: int) -> int:
        return max(1, int(frame_length // self.samples_per_symbol) - 1)

    def forward(self, iq: torch.Tensor) -> torch.Tensor:
        iq = normalise_power(iq)
        frame = torch.complex(iq[:, 0], iq[:, 1])
        filtered = matched_filter(frame, self.samples_per_symbol, self.roll_off)
        count = self._count(frame.shape[-1])
        z = sample_at(filtered, symbol_timing(filtered, self.samples_per_symbol), self.samples_per_symbol, count)
        signal = power = z.abs().square().mean(-1, keepdim=True)
        noise = None
        if "noise" in self.groups:
            # The filter's energy is 1: white noise keeps its power a sample.
            noise = self._noise(frame)
            signal = torch.maximum(power - noise, LEAST_SIGNAL * power)
        scale = torch.where(signal > 0, signal, 1).rsqrt()
        z, filtered = z * scale, filtered * scale
        found = [part for group in self.groups for part in self._group(group, z, filtered, signal, noise)]
        return torch.stack([part.expand_as(z.real) for part in found], 1)

    def _noise(self, frame: torch.Tensor) -> torch.Tensor:
        """Variance (B, 1) of the noise in a sample, by the spectrum beyond the signal's band."""
        length = frame.shape[-1]
        outside = outside_band(length, self.samples_per_symbol, frame.device)
        # A frame's hard ends would spill the signal over the whole band, which at 30 dB is half a dB of noise.
        ends = (torch.arange(length, device=frame.device) + 0.5) / (TAPER * length)
        taper = torch.sin(math.pi / 2 * torch.minimum(ends, ends.flip(0)).clamp(max=1)).square()
        spectrum = torch.fft.fft(frame * taper, norm="ortho")[:, outside]
        return spectrum.abs().square().mean(-1, keepdim=True) / taper.square().mean()

    def _group(
        self, group: str, z: torch.Tensor, filtered: torch.Tensor, signal: torch.Tensor, noise: torch.Tensor | None
    ) -> list[torch.Tensor]:
        """The channels of one group, real (B, K) or (B, 1)."""
        if group in RECOVERY:
            order, weight = RECOVERY[group]
            carrier = find_carrier(turned_power(z, order, weight), order, self.carrier_reach)
            symbols = carrier.removed(z)
            return [symbols.real, symbols.imag, carrier.strength]
        if group == "staggered":
            sps, count = self.samples_per_symbol, z.shape[-1]
            first, carrier = staggered_carrier(filtered, sps, self.carrier_reach)
            symbols = carrier.removed(sample_at(filtered, first, sps, count))
            late = carrier.removed(sample_at(filtered, first + sps / 2, sps, count), delay=0.5)
            return [symbols.real, symbols.imag, late.real, late.imag, carrier.strength]
        if group == "differential":
            product = z[:, 1:] * z[:, :-1].conj()
            magnitude = product.abs()
            product = product * torch.where(magnitude > 0, magnitude, 1).rsqrt()
            # The first symbol has none before it and shares the second's.
            product = torch.cat([product[:, :1], product], 1) if product.shape[1] else torch.zeros_like(z)
            return [product.real, product.imag]
        if group == "amplitude":
            return [z.abs()]
        ratio = 10 * torch.log10(signal.clamp(min=1e-12) / noise.clamp(min=1e-12))
        return [((ratio - MIDDLE_DB) / SPAN_DB).clamp(max=HIGHEST)]


def _names(group: str) -> tuple[str, ...]:
    if group in RECOVERY:
        return f"{group} I", f"{group} Q", f"{group} line"
    if group == "staggered":
        return "staggered I", "staggered Q", "staggered late I", "staggered late Q", "staggered line"
    if group == "differential":
        return "differential I", "differential Q"
    return (group,)
