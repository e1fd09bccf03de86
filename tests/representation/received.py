"""Frames whose truth is known, and how far found symbols lie from it."""

import math

import torch

from amc_xai.signal import Channel, draw_fresh, synthesise
from amc_xai.signal.waveform import Frames


def frames(name, count, length, samples_per_symbol, snr_db=300.0, seed=0, **channel) -> Frames:
    """Frames of one class at one Es/N0, roll-off 0.25 and no carrier offset unless told."""
    channel = Channel(**{"roll_off": (0.25, 0.25), "carrier_offset_std": 0.0, **channel})
    draws = draw_fresh(count, [name], length, samples_per_symbol, channel, torch.Generator().manual_seed(seed))
    snrs = torch.full((count,), float(snr_db))
    return synthesise(
        torch.zeros(count, dtype=torch.long), snrs, draws, [name], length, samples_per_symbol, channel
    )


def samples(made: Frames) -> torch.Tensor:
    """Complex (B, L)."""
    return torch.complex(made.iq[:, 0], made.iq[:, 1])


def shifted(signal: torch.Tensor, cycles: float | torch.Tensor) -> torch.Tensor:
    """Frames (B, L) with a carrier offset in cycles a sample."""
    turns = torch.as_tensor(cycles, dtype=torch.float64).reshape(-1, 1) * torch.arange(signal.shape[-1])
    return (signal * torch.polar(torch.ones_like(turns), 2 * math.pi * turns)).to(torch.complex64)


def evm_db(found: torch.Tensor, sent: torch.Tensor, drop: int = 5) -> torch.Tensor:
    """Error of symbols (B, K) after the best complex gain (B,), dB, without ``drop`` symbols at either end.

    Which of the sent symbols comes first isn't known to a receiver: the best of a few shifts counts.
    """
    inner = found[:, drop : found.shape[1] - drop]
    best = torch.full((len(found),), math.inf)
    for shift in range(-3, 4):
        truth = sent[:, drop + shift : drop + shift + inner.shape[1]]
        if truth.shape == inner.shape:
            gain = (inner * truth.conj()).sum(1, keepdim=True) / truth.abs().square().sum(1, keepdim=True)
            error = (inner - gain * truth).abs().square().sum(1) / (gain * truth).abs().square().sum(1)
            best = torch.minimum(best, error)
    return 10 * best.log10()
