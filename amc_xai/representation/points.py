"""The constellation as points instead of a picture: the symbols of a frame, after blind synchronisation."""

from collections.abc import Sequence

import torch
from torch import nn

from amc_xai.data.contracts import Facts
from amc_xai.errors import UserError, guess
from amc_xai.representation.class_likelihood import (
    MOST_REACH,
    STAGGERED,
    Outputs,
    check_classes,
    log_posterior,
    scaled,
)
from amc_xai.representation.constellation import normalise_power
from amc_xai.representation.point_groups import DEFAULT_GROUPS, GROUPS, NOISE, RECOVERY, names
from amc_xai.representation.synchronisation import (
    PULSES,
    Powers,
    Receiver,
    Synchronised,
    band_es_n0,
    carrier_of,
    check_blind,
    inside_noise,
    pulse_spectrum,
    rates_of,
    shared_grids,
    staggered_carrier,
    symbol_count,
    symbol_counts,
    synchronise,
)
from amc_xai.representation.synchronisation.carrier import squared
from amc_xai.representation.synchronisation.spectrum import LEAST_SAMPLES_PER_SYMBOL, Spectrum

# The signal's power is estimated as what the noise leaves; of symbols that hold noise alone, this share counts.
LEAST_SIGNAL = 0.05
# Es/N0 of 15 dB becomes 0 and 10 dB more are 1; above 90 dB nothing more is told.
MIDDLE_DB, SPAN_DB, HIGHEST = 15.0, 10.0, 7.5
# DC of -20 dB, over the signal's power, becomes 0; below -60 dB nothing more is told.
MIDDLE_DC_DB, LEAST_DC_DB = -20.0, -60.0
# Filters take noise away outside; that it is told too high there, for want of bins, leaves this much.
LEAST_DIFFERENCE_DB = 3.0
# OQPSK's own pulse is not chosen: pairs of bins a symbol rate apart tell nothing of it.
STAGGERED_PULSE = "rrc_0.25"


class Points(nn.Module):
    """I/Q (B, 2, L) -> sequences (B, C, K) over the K symbols of a frame; ``groups`` chooses the channels:

    - ``recovered_2``, ``recovered``, ``recovered_8``, ``recovered_16``: I and Q of the symbols with carrier
      offset and phase taken out by the second, fourth, eighth and sixteenth power, and the strength of the line
      that told them, the same at each symbol.
    - ``recovered_outer``: by the fourth power of the outermost points, which finds the carrier of dense QAM.
    - ``recovered_12``, ``recovered_20``, ``recovered_32``, ``recovered_48``: by the powers that hold a line for
      16APSK (from 16 dB up), 64APSK (20 dB), 32PSK and 128APSK (28 dB); ``recovered_cross``: by the twelfth, of
      the outer points, for cross QAM.
    - ``staggered``: as OQPSK sends them, with timing and carrier of their own: I and Q at the symbol instants and
      half a symbol later, and the strength of the lines that told them.
    - ``differential``: s[n] s*[n-1] with the square root of its magnitude: phase drops out.
    - ``amplitude``: of each symbol.
    - ``noise``: Es/N0 by the power outside the signal's band, (dB - 15) / 10; whether it could be told, 1 or 0
      (with few samples a symbol or a short frame nothing lies outside, and Es/N0 is then 0); and how uneven that
      power is, in 10 dB.
    - ``noise_inside``: Es/N0 by how the symbols scatter, 0 to 40 dB, and whether it could be told, in the same
      way.
    - ``noise_difference``: outside less inside, in 10 dB, 0 where either is not told: a filtered recording does
      not look like a clean one.
    - ``dc``: its power over the signal's, (dB + 20) / 10: receivers have some, and unipolar ASK and AM much.
    - ``receiver``: strength of the timing line, whether the pulse is no root-raised cosine, and how sure that is.
    - ``likelihood``: a channel for each of ``classes``: log p / 10 + 1, no less than -1, of its probability p by
      the symbols, in the noise read outside the band, averaged over the carrier; 0 where that can't be read.
    - ``valid``: 1 at symbols of the frame.

    The noise, DC, receiver and likelihood channels are the same at each symbol. Symbols are scaled to unit power
    of the signal, without the noise where it can be told (``noise`` is among the groups), so that the ideal points
    stand still as the noise grows. Where frames hold different numbers of symbols, shorter ones end in points of
    zeros in all channels, which ``backbone=point_set`` leaves out.

    Args:
        facts: of the frames: samples a symbol, 2 or more; estimated frame by frame where not known.
        groups: which of these, in this order.
        pulses: that the receive filter of each frame is chosen among: ``rrc_R`` and ``rc_R`` (root-raised and
            raised cosine of roll-off R: the latter leaves frames alone that come filtered), ``rectangular``,
            ``radioml2018`` (that set's own); or ``none`` alone. One alone tells the timing too.
        carrier_reach: largest carrier offset that is looked for, in cycles a symbol, up to 0.4.
        dc: ``keep``, or ``remove``: fitted together with the symbols and taken out.
        equaliser: ``none``, or ``cma``: a blind one for multipath, made for constellations of one amplitude.
        symbol_rate: ``given``, or ``refined``: looked for in each frame up to 0.6 % around what is stated.
        most_symbols: that come out of a frame, its first; None = all. All of them are synchronised.
        classes: of the group ``likelihood``: names with a constellation, or ``digital``, the 17.

    Raises:
        UserError: for less than 2 samples a symbol, an unknown group, class, pulse or dc, too far a reach, or no
            symbol.
    """

    version = 3
    keeps_scale = False

    def __init__(
        self,
        facts: Facts,
        groups: Sequence[str] = DEFAULT_GROUPS,
        pulses: Sequence[str] = PULSES,
        carrier_reach: float = 0.003,
        dc: str = "keep",
        equaliser: str = "none",
        symbol_rate: str = "given",
        most_symbols: int | None = None,
        classes: str | Sequence[str] = "digital",
    ):
        super().__init__()
        unknown = [g for g in groups if g not in GROUPS]
        if unknown or not groups or len(set(groups)) < len(groups):
            each = "name each group once, and at least one"
            wrong = f"there is no group {unknown[0]!r}{guess(unknown[0], GROUPS)}" if unknown else each
            raise UserError(f"representation.groups: {wrong}; choose from {', '.join(GROUPS)}")
        self.receiver = Receiver(tuple(pulses), carrier_reach, dc, equaliser, symbol_rate)
        self.samples_per_symbol = check_blind(facts)
        if most_symbols is not None and most_symbols < 1:
            raise UserError(f"representation.most_symbols must be 1 or more, or null for all, not {most_symbols}")
        self.groups, self.most_symbols = tuple(groups), most_symbols
        self.classes = check_classes(classes)
        if "likelihood" in groups and carrier_reach > MOST_REACH:
            raise UserError(
                "representation.groups: likelihood looks at carrier offsets one by one, up to "
                f"carrier_reach={MOST_REACH:g} cycles a symbol, not {carrier_reach:g}; leave it out"
            )
        self.channels = tuple(name for group in self.groups for name in names(group, self.classes))

    def output_shape(self, frame_length: int) -> tuple[int, int]:
        """(C, K) of the sequences of frames of ``frame_length`` samples; the largest K where it differs."""
        count = symbol_count(frame_length, self.samples_per_symbol or LEAST_SAMPLES_PER_SYMBOL)
        return len(self.channels), min(count, self.most_symbols or count)

    def forward(self, iq: torch.Tensor, samples_per_symbol: torch.Tensor | None = None) -> torch.Tensor:
        """Sequences of frames (B, 2, L); ``samples_per_symbol`` (B,) where they differ from frame to frame."""
        iq = normalise_power(iq)
        frame = torch.complex(iq[:, 0], iq[:, 1])
        rates = rates_of(frame, self.samples_per_symbol, samples_per_symbol, self.receiver)
        if rates is None:
            return self._points(synchronise(frame, self.samples_per_symbol, self.receiver))[
                ..., : self.most_symbols
            ]
        length = frame.shape[-1]
        most = int(symbol_counts(length, rates).max())
        points = iq.new_zeros(len(iq), len(self.channels), min(most, self.most_symbols or most))
        for rows, periods in shared_grids(length, rates):
            found = self._points(synchronise(frame[rows], rates[rows], self.receiver, periods))
            count = min(found.shape[-1], points.shape[-1])
            points[rows, :, :count] = found[..., :count]
        return points

    def _points(self, found: Synchronised) -> torch.Tensor:
        count = found.symbols.shape[-1] if found.valid is None else found.valid.sum(1, keepdim=True)
        signal = power = squared(found.symbols).sum(-1, keepdim=True) / count
        if "noise" in self.groups:
            signal = torch.maximum(power - found.symbol_noise, LEAST_SIGNAL * power)
        scale = torch.where(signal > 0, signal, 1).rsqrt()
        z = found.symbols * scale
        powers = Powers(z)
        told = self._told(found, z, powers, signal)
        channels = [
            part.expand_as(z.real)
            for group in self.groups
            for part in (told[group] if group in told else self._group(group, z, powers, found, scale))
        ]
        points = torch.stack(channels, 1)
        return points if found.valid is None else points * found.valid[:, None]

    def _group(
        self, group: str, z: torch.Tensor, powers: Powers, found: Synchronised, scale: torch.Tensor
    ) -> list[torch.Tensor]:
        """The channels of one group that differ from symbol to symbol, real (B, K) or (B, 1)."""
        if group in RECOVERY:
            order, weight = RECOVERY[group]
            carrier = carrier_of(powers, order, weight, self.receiver.fine_reach(order))
            symbols = carrier.removed(z)
            return [symbols.real, symbols.imag, carrier.strength]
        if group == "staggered":
            filtered, _ = self._staggered(found)
            first, carrier = staggered_carrier(filtered, self.receiver.fine_reach(2))
            symbols = carrier.removed(filtered.at(first) * scale)[:, found.inner]
            late = carrier.removed(filtered.at(first + 0.5) * scale, delay=0.5)[:, found.inner]
            return [symbols.real, symbols.imag, late.real, late.imag, carrier.strength]
        if group == "differential":
            product = z[:, 1:] * z[:, :-1].conj()
            magnitude = product.abs()
            product = product * torch.where(magnitude > 0, magnitude, 1).rsqrt()
            # The first symbol has none before it and shares the second's.
            product = torch.cat([product[:, :1], product], 1) if product.shape[1] else torch.zeros_like(z)
            return [product.real, product.imag]
        if group == "amplitude":
            return [powers.magnitude]
        return [torch.ones_like(z.real)]

    def _staggered(self, found: Synchronised) -> tuple[Spectrum, torch.Tensor]:
        """The frame after the receive filter of OQPSK, from its first sample on, and the noise (B, 1)."""
        pulses = self.receiver.pulses
        bins = found.frame.bins
        periods = found.frame.periods
        frequency = torch.arange(1 - periods, periods, device=bins.device) / periods
        shape = pulse_spectrum(pulses[0] if len(pulses) == 1 else STAGGERED_PULSE, frequency)
        return Spectrum(bins * shape, periods), found.bin_noise * shape.square().sum()

    def _likelihood(self, found: Synchronised) -> list[torch.Tensor]:
        """The channels of ``likelihood``, (B, 1) each."""
        ways = []
        if STAGGERED in self.classes:
            filtered, noise = self._staggered(found)
            first, _ = staggered_carrier(filtered, self.receiver.fine_reach(2))
            ways = [Outputs(filtered.at(first + late)[:, found.inner], noise) for late in (0, 0.5)]
        plain = Outputs(found.symbols, found.symbol_noise)
        log = log_posterior(self.classes, plain, ways, self.receiver.carrier_reach, found.valid)
        return list(torch.where(found.outside.told, scaled(log), 0).split(1, 1))

    def _told(self, found: Synchronised, z: torch.Tensor, powers: Powers, signal: torch.Tensor) -> dict[str, list]:
        """The channels of groups that are the same at each symbol, (B, 1)."""
        told = {}
        if set(NOISE) & set(self.groups):
            outside = 10 * torch.log10(band_es_n0(found.frame, found.bin_noise).clamp(min=1e-12, max=1e12))
            is_told = found.outside.told
            told["noise"] = [_scaled(outside, is_told), is_told.float(), (found.outside.unevenness / SPAN_DB)]
            if {"noise_inside", "noise_difference"} & set(self.groups):
                highest = torch.where(is_told, outside + LEAST_DIFFERENCE_DB, 100)
                recovered = carrier_of(powers, 4, 4, self.receiver.fine_reach(4)).removed(z)
                inside = inside_noise(z, recovered, highest, found.valid)
                told["noise_inside"] = [_scaled(inside.es_n0_db, inside.told), inside.told.float()]
                difference = (outside.clamp(max=45) - inside.es_n0_db) / SPAN_DB
                told["noise_difference"] = [torch.where(is_told & inside.told, difference, 0)]
        if "likelihood" in self.groups:
            told["likelihood"] = self._likelihood(found)
        if "dc" in self.groups:
            level = 10 * torch.log10(squared(found.dc) / signal.clamp(min=1e-20) + 1e-9)
            told["dc"] = [(level.clamp(min=LEAST_DC_DB) - MIDDLE_DC_DB) / SPAN_DB]
        if "receiver" in self.groups:
            roots = torch.tensor([p.startswith("rrc") for p in self.receiver.pulses], device=signal.device)
            parts = (found.line, (~roots[found.pulse]).float(), torch.tanh(found.margin / 4))
            told["receiver"] = [part[:, None] for part in parts]
        return told


def _scaled(es_n0_db: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
    return torch.where(told, ((es_n0_db - MIDDLE_DB) / SPAN_DB).clamp(max=HIGHEST), 0)
