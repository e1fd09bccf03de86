"""The augmented constellation: one picture a question, drawn from the frame alone."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from amc_xai.data.contracts import Facts
from amc_xai.errors import UserError, guess
from amc_xai.representation.constellation import axes_in_words, check_drawing, normalise_power
from amc_xai.representation.histogram import draw_cells, gaussian_smooth, pixel_cells
from amc_xai.representation.synchronisation import (
    PULSES,
    Powers,
    Receiver,
    band_has_outside,
    carrier_of,
    check_blind,
    outside_noise,
    outside_residual,
    rates_of,
    shared_grids,
    synchronise,
)
from amc_xai.representation.synchronisation.carrier import squared
from amc_xai.representation.synchronisation.grid import widest_symbol

CHANNELS = ("trajectory", "symbols", "recovered", "recovered_8", "recovered_16", "differential", "residual")
# What the axes of their pictures mean.
_SYMBOLS = "I and Q of symbols"
PLANES = {
    "trajectory": "I and Q of samples",
    "symbols": _SYMBOLS,
    "recovered": _SYMBOLS,
    "recovered_8": _SYMBOLS,
    "recovered_16": _SYMBOLS,
    "differential": "turn from symbol to symbol",
    "residual": "noise beside the band, logarithm of its amplitude over the signal's along the radius",
}
# The order of the power that each of these takes the carrier out by.
RECOVERY = {"recovered": 4, "recovered_8": 8, "recovered_16": 16}
TRAJECTORY_EXTENT = 3.0
SYMBOL_EXTENT = 2.0
# log10 of the residual's amplitude over the signal's, at the centre and at the edge of its picture: 75 dB of Es/N0
# and noise alone.
RESIDUAL_DECADES = (-4.0, 1.2)
# Of a frame's power, this share counts as signal where the noise leaves less.
LEAST_SHARE = 0.02
NOTHING = complex(math.nan, math.nan)
# For captions: what the axes of each picture are.
AXES = {
    **dict.fromkeys(("symbols", *RECOVERY), axes_in_words(SYMBOL_EXTENT)),
    "trajectory": axes_in_words(TRAJECTORY_EXTENT),
    "differential": "angle: the turn from a symbol to the next; radius: the root of the product of their "
    f"amplitudes, the edge at {SYMBOL_EXTENT:g}",
    "residual": "angle: the phase of the noise beside the signal's band; radius: the logarithm of its amplitude "
    "over the signal's, 10⁻⁴ at the centre, 10^1.2 at the edge",
}


class Augmented(nn.Module):
    """I/Q (B, 2, L) -> histograms (B, C, ``image_size``, ``image_size``), one for each name in ``channels``:

    - ``trajectory``: all samples of the power-normalised frame, extent 3.
    - ``symbols``: after the receive filter that suits the frame, at the estimated symbol instants, extent 2.
    - ``recovered``: the same with carrier offset and phase taken out by the fourth power, extent 2.
    - ``recovered_8``, ``recovered_16``: the same by the eighth and the sixteenth power, which hold a line for 8PSK
      and 16PSK where the fourth has none.
    - ``differential``: s[n+1] s*[n] with the square root of its magnitude, extent 2: phase drops out, and a
      carrier offset only turns the picture.
    - ``residual``: what lies outside the signal's band over what the frame holds beside noise, in polar form with
      log10 of the radius from 10^-4 at the centre to 10^1.2 at the edge: a decibel of Es/N0 is as wide at every
      level, from 75 dB down to where noise leaves less than 2 % of the power to the signal.

    Args:
        facts: of the frames: samples a symbol, 2 or more; up to 2.4 the band has no outside, and ``residual``
            can't be drawn. Estimated frame by frame where not known.
        image_size: height and width in pixels.
        channels: which of these to draw, in this order.
        pulses: that the receive filter of each frame is chosen among: ``rrc_R`` and ``rc_R`` (root-raised and
            raised cosine of roll-off R), ``rectangular``, ``radioml2018``; or ``none`` alone.
        carrier_reach: largest carrier offset that is looked for, in cycles a symbol, up to 0.4; a smaller one
            leaves noise fewer chances to be taken for the carrier.
        dc: ``keep``, or ``remove``: fitted together with the symbols and taken out.
        equaliser: ``none``, or ``cma``: a blind one for multipath, made for constellations of one amplitude.
        symbol_rate: ``given``, or ``refined``: looked for in each frame up to 0.6 % around what is stated.
        log: draw log(1 + count) instead of the count.
        smoothing: standard deviation of a Gaussian blur in pixels; 0 = off.

    Raises:
        UserError: for less than 2 samples a symbol, an unknown channel, pulse or dc, too far a reach, or a
            residual without a band.
    """

    version = 4
    keeps_scale = False

    def __init__(
        self,
        facts: Facts,
        image_size: int = 64,
        channels: Sequence[str] = ("symbols", "recovered", "differential", "residual"),
        pulses: Sequence[str] = PULSES,
        carrier_reach: float = 0.01,
        dc: str = "keep",
        equaliser: str = "none",
        symbol_rate: str = "given",
        log: bool = True,
        smoothing: float = 0.0,
    ):
        super().__init__()
        check_drawing(image_size, smoothing)
        unknown = [c for c in channels if c not in CHANNELS]
        if unknown or not channels or len(set(channels)) < len(channels):
            wrong = "name each channel once, and at least one"
            if unknown:
                wrong = f"there is no channel {unknown[0]!r}{guess(unknown[0], CHANNELS)}"
            raise UserError(f"representation.channels: {wrong}; choose from {', '.join(CHANNELS)}")
        self.receiver = Receiver(tuple(pulses), carrier_reach, dc, equaliser, symbol_rate)
        samples_per_symbol = check_blind(facts)
        if samples_per_symbol and "residual" in channels and not band_has_outside(samples_per_symbol):
            raise UserError(
                f"representation.channels: at {samples_per_symbol:g} samples a symbol the signal fills the band, "
                "so residual has nothing to draw; leave it out"
            )
        self.image_size = image_size
        self.channels = tuple(channels)
        self.planes = {channel: PLANES[channel] for channel in self.channels}
        self.axes = {channel: AXES[channel] for channel in self.channels}
        self.samples_per_symbol = samples_per_symbol
        self.log = log
        self.smoothing = smoothing
        self.extent = SYMBOL_EXTENT

    def output_shape(self, frame_length: int) -> tuple[int, int, int]:
        """(C, H, W) of the images of frames of ``frame_length`` samples."""
        return len(self.channels), self.image_size, self.image_size

    def points(self, iq: torch.Tensor, samples_per_symbol: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """What each channel draws: complex (B, K), scaled so that the picture reaches from -1 to 1; NaN = nothing.

        ``samples_per_symbol`` (B,) float32 where they differ from frame to frame.
        """
        iq = normalise_power(iq)
        frame = torch.complex(iq[:, 0], iq[:, 1])
        rates = rates_of(frame, self.samples_per_symbol, samples_per_symbol, self.receiver)
        if rates is None:
            return self._points(frame, self.samples_per_symbol, None)
        found = {}
        for rows, periods in shared_grids(frame.shape[-1], rates):
            for name, z in self._points(frame[rows], rates[rows], periods).items():
                found.setdefault(name, []).append((rows, z))
        return {name: _gathered(parts, len(frame)) for name, parts in found.items()}

    def _points(
        self, frame: torch.Tensor, samples_per_symbol: float | torch.Tensor, periods: int | None
    ) -> dict[str, torch.Tensor]:
        found = {}
        widest = None if periods is None else widest_symbol(frame.shape[-1], periods)
        if "trajectory" in self.channels:
            found["trajectory"] = frame / TRAJECTORY_EXTENT
        if "residual" in self.channels:
            residual = outside_residual(frame, samples_per_symbol, widest)
            noise = outside_noise(frame, samples_per_symbol, widest).variance
            found["residual"] = _log_polar(residual * _signal_power(frame, noise).rsqrt())
        if {"symbols", "differential", *RECOVERY} & set(self.channels):
            received = synchronise(frame, samples_per_symbol, self.receiver, periods)
            z, valid = received.symbols, received.valid
            count = z.shape[-1] if valid is None else valid.sum(1, keepdim=True)
            power = squared(z).sum(1, keepdim=True) / count
            z = z * torch.where(power > 0, power, 1).rsqrt()
            drawn = {"symbols": z}
            powers = Powers(z)
            for name in set(RECOVERY) & set(self.channels):
                order = RECOVERY[name]
                drawn[name] = carrier_of(powers, order, 4, self.receiver.fine_reach(order)).removed(z)
            if "differential" in self.channels:
                product = z[:, 1:] * z[:, :-1].conj()
                magnitude = product.abs()
                drawn["differential"] = product * torch.where(magnitude > 0, magnitude, 1).rsqrt()
            for name, symbols in drawn.items():
                nothing = None if valid is None else ~valid[:, -symbols.shape[-1] :]
                symbols = symbols / SYMBOL_EXTENT
                found[name] = symbols if nothing is None else symbols.masked_fill(nothing, NOTHING)
        return {name: found[name] for name in self.channels}

    def cells(self, iq: torch.Tensor, samples_per_symbol: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """Per channel, the flat pixel of each point that is drawn, (B, K) int64, -1 outside the picture."""
        points = self.points(iq, samples_per_symbol)
        return {name: pixel_cells(z.real, z.imag, 1.0, self.image_size) for name, z in points.items()}

    def draw(self, cells: dict[str, torch.Tensor], weights: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
        """The image (B, C, H, W) of points in these cells, each counting ``weights`` (1 where None)."""
        image = torch.stack(
            [draw_cells(cells[c], self.image_size, weights and weights[c], self.log) for c in self.channels],
            1,
        )
        return gaussian_smooth(image, self.smoothing) if self.smoothing else image

    def forward(self, iq: torch.Tensor, samples_per_symbol: torch.Tensor | None = None) -> torch.Tensor:
        """Images of frames (B, 2, L); ``samples_per_symbol`` (B,) where they differ from frame to frame."""
        return self.draw(self.cells(iq, samples_per_symbol))


def _signal_power(frame: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """What frames (B, L) hold beside white noise of this variance (B, 1) in a sample: (B, 1), above 0."""
    power = squared(frame).mean(1, keepdim=True)
    power = torch.where(power > 0, power, 1)
    return torch.maximum(power - noise, LEAST_SHARE * power)


def _log_polar(residual: torch.Tensor) -> torch.Tensor:
    amplitude = residual.abs()
    low, high = RESIDUAL_DECADES
    radius = (amplitude.clamp(min=10**low).log10() - low) / (high - low)
    return residual * (radius / amplitude.clamp(min=10**low))


def _gathered(parts: list[tuple[torch.Tensor, torch.Tensor]], frames: int) -> torch.Tensor:
    """Points of all frames (B, K) from those of some rows each, shorter ones filled up with nothing."""
    longest = max(z.shape[-1] for _, z in parts)
    whole = parts[0][1].new_full((frames, longest), NOTHING)
    for rows, z in parts:
        whole[rows, : z.shape[-1]] = z
    return whole
