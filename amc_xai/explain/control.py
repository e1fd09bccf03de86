"""The random twin of a mask: does it matter which pixels went, or only how many?"""

from dataclasses import replace

import torch
from torch import nn

from amc_xai.explain.asking import Asker
from amc_xai.explain.perturbing import Perturbed
from amc_xai.explain.streams import Streams
from amc_xai.perturbation.masks import rank_pixels
from amc_xai.perturbation.matched import RandomMatched
from amc_xai.perturbation.refill import without_symbols
from amc_xai.perturbation.symbol_players import symbols_of
from amc_xai.perturbation.view import View


class Control:
    """Answers under random masks that match those of the selectors.

    ``random`` masks as many lit pixels of the channel as the mask does. Masks of equal counts (those of all
    exact selectors at one fraction) have the same control, which is answered once: its distribution depends on
    the counts alone, and its draws are apart from every selector's. ``random_matched`` masks as many of each
    intensity, and so has a control for each mask. The control of symbols is always as many random ones.
    """

    def __init__(self, kind: str, streams: Streams, representation: nn.Module | None = None) -> None:
        self._matched = kind == "random_matched"
        self._streams = streams
        self._representation = representation
        self._of: torch.Tensor | None = None
        self._rankings: dict = {}
        self._known: dict = {}

    def answers(self, ask: Asker, view: View, found: Perturbed, repeat: int) -> torch.Tensor:
        """Return what `Asker` gives, (4, B), under the control of what was taken, draw ``repeat``."""
        if view.image is not self._of:
            self._of, self._rankings, self._known = view.image, {}, {}
        setting, channel = found.setting, found.setting.channel
        if self._matched and found.operator is not None:
            draws = self._streams("control", *setting, repeat)
            matched = replace(view, reference_mask=found.taken)
            twin = RandomMatched().mask(matched, channel, setting.fraction, draws)
            return self._answer(ask, view, twin, found, repeat)
        if found.operator is None:
            count, allowed = found.taken.sum(1), symbols_of(view).known
        else:
            allowed = view.support(channel)
            count = (found.taken[:, view.index(channel)].flatten(1) & view.lit(channel)).sum(1)
        alike = self._known.setdefault((channel, setting.operator, repeat), [])
        for known, answers in alike:
            if torch.equal(known, count):
                return answers
        if (channel, repeat) not in self._rankings:
            draws = self._streams("control", channel, repeat)
            self._rankings[channel, repeat] = rank_pixels(None, allowed, draws)
        twin = self._rankings[channel, repeat].mask(count)
        twin = twin if found.operator is None else view.place(channel, twin)
        answers = self._answer(ask, view, twin, found, repeat)
        alike.append((count, answers))
        return answers

    def _answer(self, ask: Asker, view: View, taken: torch.Tensor, found: Perturbed, repeat: int) -> torch.Tensor:
        draws = self._streams("control operator", *found.setting, repeat)
        with torch.inference_mode():
            if found.operator is None:
                seen = without_symbols(view, taken, self._representation, draws)
            else:
                seen = view.seen(found.operator(view, taken, self._representation, draws))
            return ask(seen)
