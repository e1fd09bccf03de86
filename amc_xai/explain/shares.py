"""What share of each frame's image a mask takes."""

from collections.abc import Iterable

import numpy as np
import torch

from amc_xai.explain.perturbed import SHARES, Setting
from amc_xai.perturbation.symbol_players import EVERYWHERE, symbols_of
from amc_xai.perturbation.view import View


class BatchShares:
    """The shares of every mask of one batch: whole images are summed once a channel, not once a mask."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._whole: dict[str, torch.Tensor] = {}
        self._taken: dict[Setting, list[torch.Tensor]] = {}

    @torch.inference_mode()
    def add(self, setting: Setting, mask: torch.Tensor) -> None:
        """Measure one draw of what a setting takes: pixels (B, C, H, W), or symbols (B, K)."""
        view, channel = self._view, setting.channel
        if mask.ndim == 2:
            known = symbols_of(view).known.sum(1)
            unknown = torch.full_like(known, torch.nan, dtype=torch.float32)
            self._whole[channel] = self._together(known, torch.ones_like(known), torch.ones_like(known), known)
            taken = mask.sum(1)
            self._taken.setdefault(setting, []).append(self._together(taken, unknown, unknown, taken))
            return
        support = view.support(channel)
        intensity = view.intensity(channel)
        cells = [(part, view.cells[part]) for part in view.members(channel) if part in view.cells]
        if channel not in self._whole:
            pixels = torch.full_like(support.size, intensity.shape[1])
            points = sum(((drawn >= 0).sum(1) for _, drawn in cells), torch.zeros_like(pixels))
            self._whole[channel] = self._together(support.size, pixels, intensity.sum(1), points)
        masked = view.within(mask, channel)
        # The lit pixels are few: take the mask there alone.
        hit = masked[support.row, support.pixel].to(torch.float32)
        lit, mass = torch.zeros(2, masked.shape[0], device=masked.device)
        lit.index_add_(0, support.row, hit)
        mass.index_add_(0, support.row, hit * intensity[support.row, support.pixel].to(torch.float32))
        points = torch.zeros_like(lit)
        for part, drawn in cells:
            hit = view.within(mask, part).gather(1, drawn.clamp(min=0)) & (drawn >= 0)
            points = points + hit.sum(1)
        taken = self._together(lit, masked.count_nonzero(1), mass, points)
        self._taken.setdefault(setting, []).append(taken)

    @staticmethod
    def _together(*parts: torch.Tensor) -> torch.Tensor:
        # float32 holds the counts of any image below 2^24 pixels exactly.
        return torch.stack([part.to(torch.float32) for part in parts])

    def of_batch(self) -> dict[Setting, dict[str, np.ndarray]]:
        """Return per setting and name in `SHARES` float64 (B,), the mean share of its draws."""
        if not self._taken:
            return {}
        whole = {channel: _doubles([sums])[0] for channel, sums in self._whole.items()}
        everything = _doubles([torch.stack(draws).mean(0) for draws in self._taken.values()])
        shares = {}
        for setting, top in zip(self._taken, everything, strict=True):
            bottom = whole[setting.channel]
            share = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
            known = self._view.cells
            drawn = setting.channel == EVERYWHERE or all(c in known for c in self._view.members(setting.channel))
            if not drawn:
                share[3] = np.nan
            shares[setting] = dict(zip(SHARES, share, strict=True))
        return shares


def _doubles(tensors: Iterable[torch.Tensor]) -> np.ndarray:
    """Return the tensors stacked, as float64, in one transfer."""
    return torch.stack(list(tensors)).cpu().numpy().astype(np.float64)
