"""What the ``attribution`` group asks for. Needs no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amc_xai.errors import UserError, guess


@dataclass(frozen=True)
class AttributionPlan:
    """Which methods, on how many frames, and how the maps are checked; each field is a key of the group.

    ``methods`` are names out of ``available``; none leaves attribution out. ``target`` explains the
    ``predicted`` or the ``true`` class.
    """

    methods: list[str]
    available: dict[str, Callable[[], Any]]
    target: str = "predicted"
    frames: int = 64
    batch_size: int = 16
    curve_steps: int = 20
    random_orders: int = 3
    metric_frames: int = 16
    sanity_layers: int = 8
    sanity_frames: int = 16
    shuffled_label_epochs: int = 0
    robust_epochs: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in self.methods if name not in self.available]
        if unknown:
            raise UserError(
                f"attribution.methods: there is no method {unknown[0]!r}{guess(unknown[0], self.available)}; "
                f"choose from {', '.join(self.available)}"
            )
        if len(set(self.methods)) < len(self.methods):
            raise UserError(f"attribution.methods: {', '.join(self.methods)} names a method twice; once is enough")
        if self.target not in ("predicted", "true"):
            raise UserError(f"attribution.target must be predicted or true, not {self.target!r}")
        for key in ("frames", "batch_size", "curve_steps", "random_orders"):
            if getattr(self, key) < 1:
                raise UserError(f"attribution.{key} must be 1 or more, not {getattr(self, key)}")
        for key in ("metric_frames", "sanity_layers", "sanity_frames", "shuffled_label_epochs", "robust_epochs"):
            if getattr(self, key) < 0:
                raise UserError(f"attribution.{key} must be 0 (off) or more, not {getattr(self, key)}")

    def chosen(self) -> dict[str, Any]:
        """The methods by name, in the order asked for."""
        return {name: self.available[name]() for name in self.methods}
