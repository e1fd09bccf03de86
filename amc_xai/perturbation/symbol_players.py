"""Symbols as what can be taken away: from every channel at once, so that no other channel still tells.

The channels of one frame are drawn from the same symbols. Emptying one leaves the others to say the same; taking
some symbols out of all of them, and filling up from the rest of the frame, doesn't.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from amc_xai.errors import UserError
from amc_xai.perturbation.draws import frame_seeds, random_bits
from amc_xai.perturbation.masks import Ranking, rank_pixels
from amc_xai.perturbation.view import DoesNotApply, View

# In the tables, the channel of what is taken from all of them.
EVERYWHERE = "all"
# How many other symbols tell where a symbol's surroundings are crowded.
NEIGHBOURS = 5


@dataclass(frozen=True, eq=False)
class FrameSymbols:
    """The symbols of B frames, and where they lie in time.

    Attributes:
        value: complex (B, K), after timing and carrier recovery, up to a quarter turn; only ranks symbols.
        first: float (B,), the sample of the first symbol; ``step`` float (B,), samples from one to the next.
        known: bool (B, K), false beyond a frame's own symbols.
    """

    value: torch.Tensor
    first: torch.Tensor
    step: torch.Tensor
    known: torch.Tensor

    def starts(self) -> torch.Tensor:
        """Return int64 (B, K), the first sample that belongs to each symbol."""
        k = torch.arange(self.value.shape[1], device=self.value.device)
        return (self.first[:, None] + (k - 0.5) * self.step[:, None]).round().long()

    def owners(self, length: int) -> torch.Tensor:
        """Return int64 (B, ``length``), the symbol that each sample belongs to, -1 for none."""
        time = torch.arange(length, device=self.value.device)
        nearest = ((time - self.first[:, None]) / self.step[:, None]).round().long()
        return torch.where((nearest >= 0) & (nearest < self.value.shape[1]), nearest, -1)

    def takes(self, removed: torch.Tensor, points: int, length: int, *, columns: bool = False) -> torch.Tensor:
        """Return bool (B, ``points``): which points of a channel go with the ``removed`` symbols, bool (B, K).

        A channel has a point a symbol, one for each pair of neighbours, or one for each of ``length`` samples, or
        of the middle ones alone. The ``columns`` of a sequence may be fewer than K, where no frame has as many.

        Raises:
            DoesNotApply: it has another number of points.
        """
        symbols = removed.shape[1]
        if points == symbols or (columns and points < symbols):
            return removed[:, :points]
        if points == symbols - 1:
            return removed[:, 1:] | removed[:, :-1]
        if points <= length:
            beyond = (length - points) // 2
            owner = self.owners(length)[:, beyond : beyond + points]
            return removed.gather(1, owner.clamp(min=0)) & (owner >= 0)
        raise DoesNotApply(
            f"perturbation.selectors: symbols can't be taken from a channel of {points} points, in frames of "
            f"{symbols} symbols and {length} samples."
        )


@dataclass(frozen=True)
class SymbolSelector:
    """The symbols that are first by a feature, taken from every channel. ``by`` is one of:

    - ``radius``: amplitude; ``largest`` takes the outermost.
    - ``phase``: the angle to the nearest ray at ``degrees`` or a quarter turn from it (the carrier is known up to
      such a turn).
    - ``cluster``: the distance to the fifth nearest symbol; the smallest lie inside a cluster.
    - ``time``: the place in the frame.
    - ``transition``: the distance from the symbol before.
    - ``random``: none; the control of the others.

    Raises:
        UserError: another feature.
    """

    by: str
    largest: bool = False
    degrees: float = 0.0

    def __post_init__(self) -> None:
        if self.by not in FEATURES:
            raise UserError(
                f"perturbation.available: symbols are selected by {', '.join(FEATURES)}, not {self.by!r}."
            )

    def rank(self, view: View, generator: torch.Generator) -> Ranking:
        """Return the symbols in the order in which they are taken as the fraction grows.

        Raises:
            DoesNotApply: the frames' symbols are not known.
        """
        symbols = symbols_of(view)
        score = FEATURES[self.by](symbols, self)
        return rank_pixels(score, symbols.known, generator, highest_first=self.largest)


def symbols_of(view: View) -> FrameSymbols:
    """The view's symbols.

    Raises:
        DoesNotApply: they are not known.
    """
    if view.symbols is None:
        raise DoesNotApply(
            "perturbation.selectors: symbols can't be selected here, since the samples a symbol are not known; "
            "dataset.samples_per_symbol states them."
        )
    return view.symbols


def _phase(symbols: FrameSymbols, selector: SymbolSelector) -> torch.Tensor:
    turn = symbols.value.angle() - torch.deg2rad(torch.tensor(selector.degrees))
    return ((turn + torch.pi / 4) % (torch.pi / 2) - torch.pi / 4).abs()


def _crowding(symbols: FrameSymbols, selector: SymbolSelector) -> torch.Tensor:
    apart = (symbols.value[:, :, None] - symbols.value[:, None]).abs()
    apart = apart.masked_fill(~symbols.known[:, None], torch.inf)
    nth = min(NEIGHBOURS + 1, apart.shape[-1])  # a symbol is its own nearest
    return apart.kthvalue(nth, dim=-1).values.nan_to_num(posinf=0.0)


def _step(symbols: FrameSymbols, selector: SymbolSelector) -> torch.Tensor:
    step = symbols.value.diff(dim=1).abs()
    return torch.cat([step[:, :1], step], 1)  # the first symbol has none before it and shares the second's


def _time(symbols: FrameSymbols, selector: SymbolSelector) -> torch.Tensor:
    return torch.arange(symbols.value.shape[1], device=symbols.value.device).expand(symbols.value.shape)


FEATURES: dict[str, Callable[[FrameSymbols, SymbolSelector], torch.Tensor | None]] = {
    "radius": lambda symbols, selector: symbols.value.abs(),
    "phase": _phase,
    "cluster": _crowding,
    "time": _time,
    "transition": _step,
    "random": lambda symbols, selector: None,
}


def substitutes(removed: torch.Tensor, known: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return int64 (B, K): for each removed symbol one of those that stay, drawn with replacement; else itself.

    Where none stays all keep their place. ``generator`` gives one number a frame, in order.
    """
    frames, count = removed.shape
    seeds = frame_seeds(frames, generator, removed.device)[:, None]
    own = torch.arange(count, device=removed.device).expand(frames, count)
    stays = known & ~removed
    left = stays.sum(1, keepdim=True)
    pick = (random_bits(seeds, own) & (2**62 - 1)) % left.clamp(min=1)
    first_those_that_stay = (~stays).to(torch.uint8).argsort(dim=1, stable=True)
    return torch.where(removed & (left > 0), first_those_that_stay.gather(1, pick), own)
