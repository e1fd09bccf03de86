"""What the ``perturbation`` group asks for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from amc_xai.errors import UserError, guess
from amc_xai.perturbation.operators import Operator
from amc_xai.perturbation.selectors import Selector
from amc_xai.perturbation.symbol_players import SymbolSelector

CONTROLS = ("random", "random_matched")


@dataclass(frozen=True)
class PerturbationPlan:
    """Which selectors, how much, and what becomes of the masked pixels.

    ``selectors`` are names out of ``available``, where a name may stand for several (``annulus`` for several
    rings); ``channels`` None means each channel of the image that a selector applies to, one at a time, and
    ``together`` among them the same fraction of each, all at once;
    ``frames`` bounds how many test frames are scored, None scores all; ``operator_name`` None is the operator's
    own. ``control`` scores a random mask beside each: ``random`` (as many lit pixels) or ``random_matched`` (as
    many of each intensity); None leaves it out. Everything random is drawn ``repeats`` times and averaged;
    ``resamples`` of the bootstrap give the intervals of what is averaged. ``donors`` frames are drawn for
    each to take whole channels from, 0 leaves that out. ``evidence_frames`` are compared with the optimal
    observer, symbol by symbol, where that is known; 0 leaves it out.

    Raises:
        UserError: an unknown control, less than one repeat or 2,000 resamples, a negative number.
    """

    selectors: list[str]
    fractions: list[float]
    operator: Operator
    available: dict[str, Callable[[], Selector | SymbolSelector | Mapping[str, Selector]]]
    channels: list[str] | None = None
    frames: int | None = 1000
    operator_name: str | None = None
    control: str | None = "random"
    repeats: int = 1
    resamples: int = 2000
    donors: int = 4
    evidence_frames: int = 192

    def __post_init__(self) -> None:
        if self.control is not None and self.control not in CONTROLS:
            raise UserError(
                f"perturbation.control must be null (none) or one of {', '.join(CONTROLS)}, "
                f"not {self.control!r}{guess(self.control, CONTROLS)}."
            )
        for key in ("evidence_frames", "donors"):
            if getattr(self, key) < 0:
                raise UserError(f"perturbation.{key} must be 0 (off) or more, not {getattr(self, key)}.")
        if self.repeats < 1:
            raise UserError(f"perturbation.repeats must be 1 or more draws, not {self.repeats}.")
        if self.resamples < 2000:
            raise UserError(f"perturbation.resamples must be 2000 or more, not {self.resamples}.")
        if self.operator_name is None:
            object.__setattr__(self, "operator_name", self.operator.name)

    def chosen(self) -> dict[str, Selector | SymbolSelector]:
        """The selectors by name, in the order asked for."""
        chosen: dict[str, Selector | SymbolSelector] = {}
        for name in self.selectors:
            if name not in self.available:
                raise UserError(
                    f"perturbation.selectors: there is no selector {name!r}{guess(name, self.available)}; "
                    f"choose from {', '.join(self.available)}."
                )
            made = self.available[name]()
            chosen.update(made if isinstance(made, Mapping) else {name: made})
        return chosen
