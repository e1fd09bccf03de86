"""The augmented constellation: one picture a question, drawn from the frame alone."""

from collections.abc import Sequence

import torch
from torch import nn

from amc_xai.data.contracts import Facts
from amc_xai.errors import UserError
from amc_xai.representation.constellation import check_drawing, normalise_power
from amc_xai.representation.histogram import draw_cells, gaussian_smooth, pixel_cells
from amc_xai.representation.synchronisation import (
    band_has_outside,
    check_blind,
    matched_filter,
    outside_band,
    recover_carrier,
    symbols,
)

CHANNELS = ("trajectory", "symbols", "recovered", "recovered_8", "recovered_16", "differential", "residual")
# The order of the power that each of these takes the carrier out by.
RECOVERY = {"recovered": 4, "recovered_8": 8, "recovered_16": 16}
TRAJECTORY_EXTENT = 3.0
SYMBOL_EXTENT = 2.0
# log10 of the residual's amplitude at the centre and at the edge of its picture.
RESIDUAL_DECADES = (-3.0, 1.0)


class Augmented(nn.Module):
    """I/Q (B, 2, L) -> histograms (B, C, ``image_size``, ``image_size``), one for each name in ``channels``:

    - ``trajectory``: all samples of the power-normalised frame, extent 3.
    - ``symbols``: after a blind matched filter, at the estimated symbol instants, extent 2.
    - ``recovered``: the same with carrier offset and phase taken out by the fourth power, extent 2.
    - ``recovered_8``, ``recovered_16``: the same by the eighth and the sixteenth power, which hold a line for 8PSK
      and 16PSK where the fourth has none.
    - ``differential``: s[n+1] s*[n] with the square root of its magnitude, extent 2: phase drops out, and a
      carrier offset only turns the picture.
    - ``residual``: what lies outside the signal's band, in polar form with log10 of the radius from 10^-3 at the
      centre to 10 at the edge: the radius of the blob is the noise level, readable over 40 dB.

    Args:
        facts: of the frames: samples a symbol, 2 or more; up to 2.4 the band has no outside, and
            ``residual`` can't be drawn.
        image_size: height and width in pixels.
        channels: which of these to draw, in this order.
        roll_off: of the matched filter.
        carrier_reach: largest carrier offset that is looked for, in cycles a symbol; a smaller one leaves noise
            fewer chances to be taken for the carrier.
        log: draw log(1 + count) instead of the count.
        smoothing: standard deviation of a Gaussian blur in pixels; 0 = off.

    Raises:
        UserError: for samples a symbol that aren't known, an unknown channel, or a residual without a band.
    """

    version = 1

    def __init__(
        self,
        facts: Facts,
        image_size: int = 64,
        channels: Sequence[str] = ("symbols", "recovered", "differential", "residual"),
        roll_off: float = 0.25,
        carrier_reach: float = 0.01,
        log: bool = True,
        smoothing: float = 0.0,
    ):
        super().__init__()
        check_drawing(image_size, smoothing)
        unknown = [c for c in channels if c not in CHANNELS]
        if unknown or not channels or len(set(channels)) < len(channels):
            wrong = (
                f"there is no channel {unknown[0]!r}" if unknown else "name each channel once, and at least one"
            )
            raise UserError(f"representation.channels: {wrong}; choose from {', '.join(CHANNELS)}")
        samples_per_symbol = check_blind(facts, carrier_reach)
        if "residual" in channels and not band_has_outside(samples_per_symbol):
            raise UserError(
                f"representation.channels: at {samples_per_symbol:g} samples a symbol the signal fills the band, "
                "so residual has nothing to draw; leave it out"
            )
        self.image_size = image_size
        self.channels = tuple(channels)
        self.samples_per_symbol = samples_per_symbol
        self.roll_off = roll_off
        self.carrier_reach = carrier_reach
        self.log = log
        self.smoothing = smoothing
        self.extent = SYMBOL_EXTENT

    def output_shape(self, frame_length: int) -> tuple[int, int, int]:
        """(C, H, W) of the images of frames of ``frame_length`` samples."""
        return len(self.channels), self.image_size, self.image_size

    def points(self, iq: torch.Tensor) -> dict[str, torch.Tensor]:
        """What each channel draws: complex (B, K), scaled so that the picture reaches from -1 to 1."""
        iq = normalise_power(iq)
        frame = torch.complex(iq[:, 0], iq[:, 1])
        found = {}
        if "trajectory" in self.channels:
            found["trajectory"] = frame / TRAJECTORY_EXTENT
        if "residual" in self.channels:
            found["residual"] = self._residual(frame)
        if {"symbols", "differential", *RECOVERY} & set(self.channels):
            filtered = matched_filter(frame, self.samples_per_symbol, self.roll_off)
            z = symbols(filtered, self.samples_per_symbol)
            found["symbols"] = z / SYMBOL_EXTENT
            for name in set(RECOVERY) & set(self.channels):
                found[name] = recover_carrier(z, RECOVERY[name], self.carrier_reach) / SYMBOL_EXTENT
            if "differential" in self.channels:
                product = z[:, 1:] * z[:, :-1].conj()
                magnitude = product.abs()
                found["differential"] = product * torch.where(magnitude > 0, magnitude, 1).rsqrt() / SYMBOL_EXTENT
        return {name: found[name] for name in self.channels}

    def _residual(self, frame: torch.Tensor) -> torch.Tensor:
        outside = outside_band(frame.shape[-1], self.samples_per_symbol, frame.device)
        residual = torch.fft.ifft(torch.fft.fft(frame) * outside)
        amplitude = residual.abs()
        low, high = RESIDUAL_DECADES
        radius = (amplitude.clamp(min=10**low).log10() - low) / (high - low)
        return residual * (radius / amplitude.clamp(min=10**low))

    def cells(self, iq: torch.Tensor) -> dict[str, torch.Tensor]:
        """Per channel, the flat pixel of each point that is drawn, (B, K) int64, -1 outside the picture."""
        return {name: pixel_cells(z.real, z.imag, 1.0, self.image_size) for name, z in self.points(iq).items()}

    def draw(self, cells: dict[str, torch.Tensor], weights: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
        """The image (B, C, H, W) of points in these cells, each counting ``weights`` (1 where None)."""
        image = torch.stack(
            [draw_cells(cells[c], self.image_size, weights and weights[c], self.log) for c in self.channels],
            1,
        )
        return gaussian_smooth(image, self.smoothing) if self.smoothing else image

    def forward(self, iq: torch.Tensor) -> torch.Tensor:
        return self.draw(self.cells(iq))
