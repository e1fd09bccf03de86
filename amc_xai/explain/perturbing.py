"""What a network is shown: each setting's players taken away from a batch of frames, by each operator."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple

import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.explain.perturbed import Setting
from amc_xai.explain.streams import Streams
from amc_xai.perturbation import refill
from amc_xai.perturbation.operators import Operator
from amc_xai.perturbation.refill import without_symbols
from amc_xai.perturbation.selectors import RankedSelector, Selector
from amc_xai.perturbation.symbol_players import EVERYWHERE, SymbolSelector
from amc_xai.perturbation.view import DoesNotApply, View

log = logging.getLogger(__name__)


class NothingToTake(UserError):
    """There are neither pixels nor symbols that the selectors could take."""


class Perturbed(NamedTuple):
    """One setting's draw on a batch: what was taken, and what the network gets to see.

    ``taken`` is bool (B, C, H, W) of pixels, or (B, K) of symbols, for which ``operator`` is None.
    """

    setting: Setting
    taken: torch.Tensor
    seen: torch.Tensor | tuple[torch.Tensor, ...]
    operator: Operator | None


@dataclass
class Perturber:
    """Applies every selector at every fraction by every operator; remembers what applied to nothing.

    Attributes:
        selectors: by name; those of pixels act on one channel at a time, those of symbols on all at once.
        operators: what becomes of masked pixels, by name; symbols are refilled from the rest of the frame.
        fractions: of the lit pixels, or of the symbols.
        channels: None takes every channel that a selector applies to, with a line in the log for each that is
            passed over; named ones must all do. ``together`` is the same fraction of each of them at once.
        streams, repeats, representation, said: as `pis.perturbation_scores` has them.
    """

    selectors: Mapping[str, Selector | SymbolSelector]
    operators: Mapping[str, Operator]
    fractions: Sequence[float]
    channels: Sequence[str] | None
    streams: Streams
    repeats: int
    representation: nn.Module | None
    applied: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    said: set[str] = field(default_factory=set)

    def __call__(self, view: View) -> Iterator[Perturbed]:
        """Yield each setting, draw by draw; rank once where it is ranked."""
        for name, selector in self.selectors.items():
            if isinstance(selector, SymbolSelector):
                if view.symbols is None:
                    self._pass_over(name, "the samples a symbol are not known")
                    continue
                yield from self._symbols(view, name, selector)
                self.applied.add(name)
            elif view.image.ndim == 3:
                self._pass_over(name, "it masks pixels, and this representation draws none")
            else:
                yield from self._pixels(view, name, selector)

    def check(self) -> None:
        """Raise UserError for a selector that applied to nothing, though there are players of its kind.

        And `NothingToTake` where there are players of no selector's kind.
        """
        idle = [name for name in self.selectors if name not in self.applied | self.passed]
        if idle:
            raise UserError(
                f"perturbation.selectors: {idle[0]} applies to no channel of this image, with this dataset and "
                "operator (the log says why); leave it out, or choose a representation with a channel for it."
            )
        if not self.applied:
            raise NothingToTake(
                f"perturbation.selectors: none of {', '.join(self.selectors)} applies to what this network sees "
                "(the log says why)."
            )

    def _symbols(self, view: View, name: str, selector: SymbolSelector) -> Iterator[Perturbed]:
        for repeat in range(self.repeats):
            again = (repeat,) if repeat else ()
            ranking = selector.rank(view, self.streams(name, EVERYWHERE, *again))
            for fraction in self.fractions:
                setting = Setting(name, refill.NAME, EVERYWHERE, fraction)
                removed = ranking.cut(fraction)
                with torch.inference_mode():
                    draws = self.streams(*setting, "operator", *again)
                    seen = without_symbols(view, removed, self.representation, draws)
                yield Perturbed(setting, removed, seen, None)

    def _pixels(self, view: View, name: str, selector: Selector) -> Iterator[Perturbed]:
        for channel in view.channels if self.channels is None else self.channels:
            try:
                for repeat in range(self.repeats):
                    # The first draw's stream is that of a single draw: more of them leave it as it is.
                    again = (repeat,) if repeat else ()
                    parts = [self._masks(view, name, channel, part, again) for part in view.members(channel)]
                    for fraction in self.fractions:
                        mask = reduce(torch.logical_or, [of(fraction) for of in parts])
                        yield from self._masked(view, Setting(name, "", channel, fraction), mask, again)
                self.applied.add(name)
            except DoesNotApply as refusal:
                if self.channels is not None:
                    raise
                self._say(f"{name} is passed over on channel {channel}: {refusal}")

    def _masks(
        self, view: View, name: str, channel: str, part: str, again: tuple
    ) -> Callable[[float], torch.Tensor]:
        """What gives the mask (B, C, H, W) of each fraction in ``part``, the channel or one of those together."""
        selector, where = self.selectors[name], (channel,) if part == channel else (channel, part)
        if isinstance(selector, RankedSelector):
            ranking = selector.rank(view, part, self.streams(name, *where, *again))
            return lambda fraction: view.place(part, ranking.cut(fraction))
        return lambda fraction: selector.mask(view, part, fraction, self.streams(name, *where, fraction, *again))

    def _masked(self, view: View, where: Setting, mask: torch.Tensor, again: tuple) -> Iterator[Perturbed]:
        for name, operator in self.operators.items():
            setting = where._replace(operator=name)
            with torch.inference_mode():
                draws = self.streams(*setting, "operator", *again)
                image = operator(view, mask, self.representation, draws)
            yield Perturbed(setting, mask, view.seen(image), operator)

    def _pass_over(self, name: str, why: str) -> None:
        self.passed.add(name)
        self._say(f"{name} is passed over: {why}")

    def _say(self, what: str) -> None:
        if what not in self.said:
            log.info("%s", what)
            self.said.add(what)
