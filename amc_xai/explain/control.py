"""The random twin of a mask: does it matter which pixels went, or only how many?"""

import hashlib
from dataclasses import replace

import torch
from torch import nn

from amc_xai.explain.perturbed import Setting
from amc_xai.perturbation.masks import rank_pixels
from amc_xai.perturbation.matched import RandomMatched
from amc_xai.perturbation.operators import Operator
from amc_xai.perturbation.view import View


class Streams:
    """Random generators by name: each its own stream, carried on from batch to batch."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._generators: dict[tuple, torch.Generator] = {}

    def __call__(self, *name: str | float) -> torch.Generator:
        """Return the generator of this name, where its last draw left it."""
        if name not in self._generators:
            # Not hash(), which differs from process to process for text.
            digest = hashlib.blake2b(repr((self._seed, name)).encode(), digest_size=8).digest()
            self._generators[name] = torch.Generator().manual_seed(int.from_bytes(digest, "little"))
        return self._generators[name]


@torch.inference_mode()
def named_answers(network: nn.Module, image: torch.Tensor) -> torch.Tensor:
    """Return the classes that the network names, int16 (2, B): modulation and SNR."""
    prediction = network(image)
    return torch.stack([prediction.modulation.argmax(1), prediction.snr.argmax(1)]).to(torch.int16)


class Control:
    """Answers under random masks that match those of the selectors.

    ``random`` masks as many lit pixels of the channel as the mask does. Masks of equal counts (those of all
    exact selectors at one fraction) have the same control, which is answered once: its distribution depends on
    the counts alone, and its draws are apart from every selector's. ``random_matched`` masks as many of each
    intensity, and so has a control for each mask.
    """

    def __init__(self, kind: str, streams: Streams) -> None:
        self._matched = kind == "random_matched"
        self._streams = streams
        self._of: torch.Tensor | None = None
        self._rankings: dict = {}
        self._known: dict = {}

    def answers(
        self,
        network: nn.Module,
        view: View,
        mask: torch.Tensor,
        setting: Setting,
        repeat: int,
        operator: Operator,
        representation: nn.Module | None,
    ) -> torch.Tensor:
        """Return the answers int16 (2, B) under the control of ``mask`` (B, C, H, W), draw ``repeat``."""
        if view.image is not self._of:
            self._of, self._rankings, self._known = view.image, {}, {}
        channel = setting.channel
        if self._matched:
            draws = self._streams("control", *setting, repeat)
            twin = RandomMatched().mask(replace(view, reference_mask=mask), channel, setting.fraction, draws)
            return self._answer(network, view, twin, setting, repeat, operator, representation)
        count = (mask[:, view.index(channel)].flatten(1) & view.lit(channel)).sum(1)
        alike = self._known.setdefault((channel, repeat), [])
        for known, answers in alike:
            if torch.equal(known, count):
                return answers
        if (channel, repeat) not in self._rankings:
            draws = self._streams("control", channel, repeat)
            self._rankings[channel, repeat] = rank_pixels(None, view.support(channel), draws)
        twin = view.place(channel, self._rankings[channel, repeat].mask(count))
        answers = self._answer(network, view, twin, setting, repeat, operator, representation)
        alike.append((count, answers))
        return answers

    def _answer(self, network, view, mask, setting, repeat, operator, representation) -> torch.Tensor:
        draws = self._streams("control operator", *setting, repeat)
        with torch.inference_mode():
            return named_answers(network, view.seen(operator(view, mask, representation, draws)))
