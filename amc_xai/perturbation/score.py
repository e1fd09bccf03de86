"""Where a map says to mask: the lit pixels of the highest attribution."""

from dataclasses import dataclass

import torch

from amc_xai.perturbation.masks import Ranking, rank_pixels
from amc_xai.perturbation.view import DoesNotApply, View


def attribution_of_tasks() -> dict[str, "Attribution"]:
    """Return one selector for each task: ``attribution_modulation`` and ``attribution_snr``."""
    return {f"attribution_{task}": Attribution(task) for task in ("modulation", "snr")}


@dataclass(frozen=True)
class Attribution:
    """The lit pixels with the highest score in the view's ``score_map``. Applies to every channel.

    ``task`` chooses among the maps of several tasks; None takes the only map.
    """

    task: str | None = None

    def rank(self, view: View, channel: str, generator: torch.Generator) -> Ranking:
        """Return the lit pixels of ``channel``, those of the highest score first.

        Raises:
            DoesNotApply: the view has no score map.
        """
        place = view.index(channel)
        maps = view.score_map if isinstance(view.score_map, dict) else {None: view.score_map}
        if maps.get(self.task) is None:
            raise DoesNotApply(
                "perturbation.selectors: attribution ranks pixels by an attribution map, and this run makes none; "
                "leave it out, or choose a method with attribution=NAME."
            )
        score = maps[self.task][:, place].flatten(1)
        return rank_pixels(score, view.support(channel), generator, highest_first=True)

    def mask(self, view: View, channel: str, fraction: float, generator: torch.Generator) -> torch.Tensor:
        """Return bool (B, C, H, W), true on the ``fraction`` of the lit pixels with the highest score."""
        return view.place(channel, self.rank(view, channel, generator).cut(fraction))
