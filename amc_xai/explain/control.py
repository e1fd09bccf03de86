"""The random twin of a mask: does it matter which pixels went, or only how many?"""

from dataclasses import replace
from functools import reduce

import torch
from torch import nn

from amc_xai.explain.asking import Asker
from amc_xai.explain.perturbing import Perturbed
from amc_xai.explain.streams import Streams
from amc_xai.perturbation.masks import Ranking, Support, rank_pixels
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
            twins = [
                RandomMatched().mask(matched, part, setting.fraction, draws) for part in view.members(channel)
            ]
            return self._answer(ask, view, reduce(torch.logical_or, twins), found, repeat)
        if found.operator is None:
            count = found.taken.sum(1)
        else:
            lit = [view.within(found.taken, part) & view.lit(part) for part in view.members(channel)]
            count = torch.stack([taken.sum(1) for taken in lit])
        alike = self._known.setdefault((channel, setting.operator, repeat), [])
        for known, answers in alike:
            if torch.equal(known, count):
                return answers
        if found.operator is None:
            twin = self._ranking(symbols_of(view).known, channel, repeat).mask(count)
        else:
            twins = [
                view.place(part, self._ranking(view.support(part), channel, repeat, part).mask(own))
                for part, own in zip(view.members(channel), count, strict=True)
            ]
            twin = reduce(torch.logical_or, twins)
        answers = self._answer(ask, view, twin, found, repeat)
        alike.append((count, answers))
        return answers

    def _ranking(self, allowed: torch.Tensor | Support, channel: str, repeat: int, part: str = "") -> Ranking:
        """A random order of what may be taken of a channel, or of one ``part`` of those together; drawn once."""
        where = (channel,) if part in ("", channel) else (channel, part)
        if (*where, repeat) not in self._rankings:
            draws = self._streams("control", *where, repeat)
            self._rankings[*where, repeat] = rank_pixels(None, allowed, draws)
        return self._rankings[*where, repeat]

    def _answer(self, ask: Asker, view: View, taken: torch.Tensor, found: Perturbed, repeat: int) -> torch.Tensor:
        draws = self._streams("control operator", *found.setting, repeat)
        with torch.inference_mode():
            if found.operator is None:
                seen = without_symbols(view, taken, self._representation, draws)
            else:
                seen = view.seen(found.operator(view, taken, self._representation, draws))
            return ask(seen)
