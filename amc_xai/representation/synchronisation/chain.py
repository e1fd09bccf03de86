"""The stages in their order: carrier from afar, noise, spectrum, timing, receive filter, equaliser, DC."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch

from amc_xai.data.contracts import Facts
from amc_xai.errors import UserError
from amc_xai.representation.synchronisation.carrier import FINE_REACH, check_reach
from amc_xai.representation.synchronisation.coarse import band_centre, edge_offset, moved
from amc_xai.representation.synchronisation.dc import dc_of
from amc_xai.representation.synchronisation.equaliser import equalise
from amc_xai.representation.synchronisation.grid import ENDS, symbol_count, symbol_counts, widest_symbol
from amc_xai.representation.synchronisation.noise import OutsideNoise, bin_variance, outside_noise
from amc_xai.representation.synchronisation.rate import (
    HIGHEST,
    LOWEST,
    estimate_symbol_rate,
    refine_symbol_rate,
)
from amc_xai.representation.synchronisation.receive_filter import PULSES, check_pulses, choose_filter, pair_weights
from amc_xai.representation.synchronisation.spectrum import (
    LEAST_SAMPLES_PER_SYMBOL,
    Spectrum,
    folded,
    periods_of,
    ramp,
    spectrum,
)
from amc_xai.representation.synchronisation.timing import symbol_timing

log = logging.getLogger(__name__)
# How often the band's edges are compared: the second time puts right what a false roll-off made of the first.
EDGE_STEPS = 2
# Cycles a symbol that the coarse search leaves.
COARSE_LEAVES = 1 / 16


@dataclass(frozen=True)
class Receiver:
    """How frames are synchronised.

    ``pulses``: those that the receive filter is chosen among, see PULSES; one alone is taken for all frames.
    ``carrier_reach``: largest carrier offset that is looked for, in cycles a symbol. Above 1/32 the band's own
    place is found first, up to 0.4; a smaller reach leaves noise fewer chances to be taken for the carrier.
    ``dc``: ``keep`` | ``remove``. ``equaliser``: ``none`` | ``cma``. ``symbol_rate``: ``given`` | ``refined``.
    Raises UserError for what isn't allowed.
    """

    pulses: Sequence[str] = PULSES
    carrier_reach: float = 0.01
    dc: str = "keep"
    equaliser: str = "none"
    symbol_rate: str = "given"

    def __post_init__(self) -> None:
        check_pulses(self.pulses)
        check_reach(self.carrier_reach)
        if self.dc not in ("keep", "remove"):
            raise UserError(f"representation.dc must be keep or remove, not {self.dc!r}")
        if self.symbol_rate not in ("given", "refined"):
            raise UserError(f"representation.symbol_rate must be given or refined, not {self.symbol_rate!r}")
        if self.equaliser not in ("none", "cma"):
            raise UserError(f"representation.equaliser must be none or cma, not {self.equaliser!r}")

    @property
    def coarse(self) -> bool:
        """Whether the carrier is looked for from afar first."""
        return self.carrier_reach > FINE_REACH

    def fine_reach(self, order: int) -> float:
        """What is left for a power of this order to look for: not beyond where its lines repeat."""
        return min(COARSE_LEAVES if self.coarse else self.carrier_reach, 1 / (2 * order))


class Synchronised(NamedTuple):
    """B frames at their symbol rate, before the carrier is taken out."""

    symbols: torch.Tensor
    """complex64 (B, K): after the receive filter, without the first and last of the frame; 0 where not valid."""
    valid: torch.Tensor | None
    """bool (B, K): which are symbols of the frame; None = all."""
    delay: torch.Tensor
    """float32 (B,): the first symbol instant in symbols after the first sample, within [0, 1)."""
    line: torch.Tensor
    """float32 (B,): strength of the line that told it, 0..1."""
    inner: slice
    """Which symbol periods of the frame ``symbols`` are."""
    frame: Spectrum
    """The frame as it came, moved by ``offset``, from its first sample on."""
    filtered: Spectrum
    """After the receive filter, from the first symbol instant on."""
    outside: OutsideNoise
    """The noise beside the band."""
    bin_noise: torch.Tensor
    """float32 (B, 1): variance of that noise in a bin of ``frame``."""
    symbol_noise: torch.Tensor
    """float32 (B, 1): variance of that noise in ``symbols``; 0 where it is not told."""
    pulse: torch.Tensor
    """int64 (B,): the pulse that the receive filter suits, as an index into the pulses."""
    margin: torch.Tensor
    """float32 (B,): by how much the likelihood spoke for it, in nats."""
    ripple: torch.Tensor | None
    """float32 (B,): what the equaliser leaves of (power - 1)^2; None without one."""
    centre_gain: torch.Tensor
    """float32 (B, 1): of the receive filter at the carrier."""
    offset: torch.Tensor | None
    """float32 (B, 1): cycles a symbol taken out before all else; None = 0."""
    dc: torch.Tensor
    """complex64 (B, 1): DC as it came into ``symbols``, at their first; there it turns by minus ``offset``."""


def check_blind(facts: Facts) -> float | None:
    """The samples a symbol of frames with these facts; None = not known, so that they are to be estimated.

    Raises:
        UserError: unless such frames can be synchronised.
    """
    known = facts.samples_per_symbol
    if known is not None and known < LEAST_SAMPLES_PER_SYMBOL:
        raise UserError(f"dataset.samples_per_symbol must be 2 or more for symbols to be found, not {known:g}")
    return known


def rates_of(
    frame: torch.Tensor, stated: float | None, given: torch.Tensor | None, receiver: Receiver
) -> torch.Tensor | None:
    """Samples a symbol (B,) of frames, complex (B, L): those ``given``, or ``stated`` for all, refined where the
    receiver is to; those that the frames tell where neither is known; None where the number ``stated`` holds."""
    if given is None and stated is None:
        _say_estimated()
        return estimate_symbol_rate(frame).samples_per_symbol.clamp(LOWEST, HIGHEST)
    known = stated if given is None else given.to(frame.device, torch.float32)
    if receiver.symbol_rate == "refined":
        return refine_symbol_rate(frame, known).samples_per_symbol.clamp(min=LEAST_SAMPLES_PER_SYMBOL)
    return None if given is None else known


@cache
def _say_estimated() -> None:
    log.info(
        "samples a symbol are not known: they are estimated frame by frame (dataset.samples_per_symbol tells)"
    )


def synchronise(
    frame: torch.Tensor,
    samples_per_symbol: float | torch.Tensor,
    receiver: Receiver = Receiver(),
    periods: int | None = None,
) -> Synchronised:
    """Symbols of frames, complex (B, L), by nothing but each frame itself.

    samples_per_symbol: 2 or more, one number; or float32 (B,) of frames that share a grid of ``periods``.
    """
    found = _once(frame, samples_per_symbol, receiver, periods)
    if receiver.dc == "keep":
        return found
    # The symbols tell the DC, and it is the frame that is put right: what it did to timing and filter goes too.
    first = found.delay[:, None] + found.inner.start
    start = found.dc if found.offset is None else found.dc * ramp(found.offset * first, 2)[:, 1:]
    cleared = _once(frame - start / found.centre_gain, samples_per_symbol, receiver, periods)
    return cleared._replace(dc=found.dc)


def _once(
    frame: torch.Tensor, samples_per_symbol: float | torch.Tensor, receiver: Receiver, periods: int | None
) -> Synchronised:
    length = frame.shape[-1]
    valid = None
    if isinstance(samples_per_symbol, torch.Tensor):
        counts = symbol_counts(length, samples_per_symbol)
        first, count = ENDS, max(1, periods - 2 * ENDS)
        valid = torch.arange(count, device=frame.device) < counts[:, None]
    else:
        periods = periods_of(length, samples_per_symbol)
        count = symbol_count(length, samples_per_symbol)
        first = ENDS if length // samples_per_symbol > 2 * ENDS else 0
    inner = slice(first, first + count)
    offset = None
    if receiver.coarse:
        offset = band_centre(frame, samples_per_symbol, receiver.carrier_reach)
        for _ in range(EDGE_STEPS):
            grid = spectrum(moved(frame, samples_per_symbol, offset), samples_per_symbol, periods)
            offset = (offset + edge_offset(grid)).clamp(-receiver.carrier_reach, receiver.carrier_reach)
        frame = moved(frame, samples_per_symbol, offset)
    outside = outside_noise(frame, samples_per_symbol, widest_symbol(length, periods))
    grid = spectrum(frame, samples_per_symbol, periods)
    noise = bin_variance(outside.variance, grid, length, samples_per_symbol)
    known = torch.where(outside.told, noise, torch.inf)
    pulse = receiver.pulses[0] if len(receiver.pulses) == 1 and receiver.pulses[0] != "none" else None
    delay, line = symbol_timing(grid, None if pulse is None else pair_weights(grid, known, pulse))
    found = choose_filter(grid, delay, known, receiver.pulses, inner, valid)
    symbols, bins, shape = found.symbols[:, inner], found.bins, found.shape
    ripple = None
    if receiver.equaliser == "cma":
        equaliser = equalise(Spectrum(bins, periods), symbols, inner, valid)
        response = equaliser.response(periods)
        bins, shape, ripple = bins * response, shape * response.abs(), equaliser.ripple
        symbols = folded(bins)[:, inner]
    if valid is not None:
        symbols = symbols.where(valid, 0)
    still = symbols if offset is None else symbols * ramp(offset, count)
    return Synchronised(
        symbols, valid, delay, line, inner, grid, Spectrum(bins, periods), outside, noise,
        noise * shape.square().sum(1, keepdim=True), found.pulse, found.margin, ripple,
        shape[:, periods - 1 : periods], offset, dc_of(still, valid),
    )  # fmt: skip
