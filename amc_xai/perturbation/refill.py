"""Frames without some of their symbols, filled up from those that remain: pictures, points and samples alike."""

import torch
from torch import nn

from amc_xai.perturbation.operators import refilled
from amc_xai.perturbation.symbol_players import FrameSymbols, substitutes, symbols_of
from amc_xai.perturbation.view import DoesNotApply, View

# In the tables, the operator of what is refilled from the frame itself.
NAME = "resample"


def without_symbols(
    view: View, removed: torch.Tensor, representation: nn.Module | None, generator: torch.Generator
) -> torch.Tensor | tuple[torch.Tensor, ...]:
    """What a network sees of the view's frames without the ``removed`` symbols, bool (B, K).

    Pictures are drawn again: in every channel the points of these symbols are replaced by points that remain,
    drawn with replacement. In a sequence with a column a symbol the whole column of another takes their place; in
    a sequence of samples another symbol's samples do.

    Raises:
        DoesNotApply: the symbols are not known, or a channel's points don't belong to symbols.
    """
    symbols = symbols_of(view)
    length = view.image.shape[-1] if view.iq is None else view.iq.shape[-1]
    if view.image.ndim == 3:
        return _without(view.image, symbols, removed, generator, length)
    if representation is None or set(view.channels) - set(view.cells):
        raise DoesNotApply(
            "perturbation.selectors: symbols can't be taken from pictures whose points are unknown."
        )
    hit = {name: symbols.takes(removed, cells.shape[1], length) for name, cells in view.cells.items()}
    image = representation.draw(refilled(view, hit, generator)).to(view.image.dtype)
    if view.sequence is None:
        return image
    return image, _without(view.sequence, symbols, removed, generator, length)


def _without(
    x: torch.Tensor, symbols: FrameSymbols, removed: torch.Tensor, generator: torch.Generator, length: int
) -> torch.Tensor:
    """A sequence (B, C, L) or (B, C, K) with the columns of other symbols in place of the removed ones'."""
    others = substitutes(removed, symbols.known, generator)
    columns = x.shape[-1]
    hit = symbols.takes(removed, columns, length, columns=True)
    own = torch.arange(columns, device=x.device).expand(len(x), columns)
    if columns <= removed.shape[1]:
        source = others[:, :columns]
    else:
        owner = symbols.owners(columns).clamp(min=0)
        starts = symbols.starts()
        source = own - starts.gather(1, owner) + starts.gather(1, others.gather(1, owner))
    source = torch.where(hit, source.clamp(0, columns - 1), own)
    return x.gather(2, source[:, None].expand_as(x))
