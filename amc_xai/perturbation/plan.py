"""What the ``perturbation`` group asks for."""

from collections.abc import Callable
from dataclasses import dataclass

from amc_xai.perturbation.operators import Operator
from amc_xai.perturbation.selectors import Selector


@dataclass(frozen=True)
class PerturbationPlan:
    """Which selectors, how much, and what becomes of the masked pixels.

    ``selectors`` are names out of ``available``; ``channels`` None means each channel of the image, one at a
    time; ``frames`` bounds how many test frames are scored, None scores all.
    """

    selectors: list[str]
    fractions: list[float]
    operator_name: str
    operator: Operator
    available: dict[str, Callable[[], Selector]]
    channels: list[str] | None = None
    frames: int | None = None

    def chosen(self) -> dict[str, Selector]:
        """The selectors by name, in the order asked for."""
        return {name: self.available[name]() for name in self.selectors}
