"""What becomes of pixels, or instants, that a curve takes away: nothing, or what an operator puts there."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from amc_xai.perturbation.operators import Operator
from amc_xai.perturbation.view import View

# (x, keep, which frames of the subject x is) -> x without what isn't kept.
Remove = Callable[[torch.Tensor, torch.Tensor, slice], torch.Tensor]


def units(x: torch.Tensor) -> torch.Tensor:
    """What can be removed, bool (B, P): lit pixels of images (P = C * H * W), all instants of sequences (L)."""
    if x.ndim == 4:
        return (x > 0).flatten(1)
    return torch.ones(x.shape[0], x.shape[2], dtype=torch.bool, device=x.device)


def kept(x: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """``x`` with zeros where ``keep``, bool (B, P), is false."""
    keep = keep.view(x.shape) if x.ndim == 4 else keep[:, None]
    return x * keep


def emptied(x: torch.Tensor, keep: torch.Tensor, place: slice) -> torch.Tensor:
    """What isn't kept becomes zero."""
    return kept(x, keep)


@dataclass(frozen=True, eq=False)
class ByOperator:
    """What isn't kept of the lit pixels of a picture becomes what an operator of perturbations makes of it.

    Attributes:
        view: all frames of the subject; ``operator`` and ``representation`` as perturbations have them.
        seed: of the operator's draws, the same in every step of a curve.
    """

    view: View
    operator: Operator
    representation: nn.Module | None
    seed: int

    def __call__(self, x: torch.Tensor, keep: torch.Tensor, place: slice) -> torch.Tensor:
        mask = ~keep.view(x.shape) & (x > 0)
        draws = torch.Generator().manual_seed(self.seed)
        return self.operator(rows_of(self.view, place), mask, self.representation, draws)


@dataclass(frozen=True, eq=False)
class BySwap:
    """What isn't kept of a sequence becomes that of another frame at the same instants; ``others`` (N, C, L)."""

    others: torch.Tensor

    def __call__(self, x: torch.Tensor, keep: torch.Tensor, place: slice) -> torch.Tensor:
        return torch.where(keep[:, None], x, self.others[place])


def rows_of(view: View, place: slice) -> View:
    """Some frames of a view of pictures."""
    return replace(
        view,
        iq=None if view.iq is None else view.iq[place],
        image=view.image[place],
        cells={name: cells[place] for name, cells in view.cells.items()},
        places=None if view.places is None else view.places[place],
        symbol_instants=None,
        reference_mask=None,
        score_map=None,
        symbols=None,
    )
