"""The random numbers of a batch of frames, apart from what is made of them.

`draw_fresh` takes them from a torch generator on the device, for endless training data. `draw_seeded` gives
every frame numbers of its own, which depend on nothing but the seed, the modulation, the SNR and the frame's
number, for data sets that are the same everywhere.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from amc_xai.errors import UserError
from amc_xai.signal.channel import MAX_PATHS, Channel
from amc_xai.signal.classes import ANALOG
from amc_xai.signal.oversampling import GUARD_SYMBOLS, Oversampling, block_size

__all__ = ["GUARD_SYMBOLS", "Draws", "block_size", "draw_fresh", "draw_seeded"]

ROLL_OFF, TIMING, PHASE, LINE_OF_SIGHT = range(4)
CARRIER_OFFSET, IQ_GAIN, IQ_PHASE = range(3)
SAMPLES, PULSE, OFFSET, CLOCK, BAND, FILTERED, SLOPE, DC, DC_PHASE, CLIP = range(10)
RECEIVER_GAIN, RECEIVER_PHASE = range(2)
MORE, MORE_NORMALS = 16, 4
EDGE = 128
"""Noise samples before and after the frame, so that a filter's memory doesn't wrap around."""


class Draws(NamedTuple):
    """Random numbers of B frames of L samples, in a block of K symbols (`block_size`)."""

    symbols: torch.Tensor
    """uint8 (B, K), uniform. Constellation sizes are powers of two, so byte mod M is exactly uniform."""
    uniform: torch.Tensor
    """float32 (B, 4) in [0, 1): columns ROLL_OFF, TIMING, PHASE, LINE_OF_SIGHT."""
    normal: torch.Tensor
    """float32 (B, 3), standard normal: columns CARRIER_OFFSET, IQ_GAIN, IQ_PHASE."""
    noise: torch.Tensor
    """float32 (B, 2, L), standard normal."""
    message: torch.Tensor | None = None
    """float32 (B, 2, K/2), standard normal: the message of the analog classes; None without any."""
    paths: torch.Tensor | None = None
    """float32 (B, 2, P), standard normal: the gains of the paths; None without multipath."""
    phase_noise: torch.Tensor | None = None
    """float32 (B, L), standard normal; None without phase noise."""
    more: torch.Tensor | None = None
    """float32 (B, 16) in [0, 1): columns SAMPLES ... CLIP; None where the channel has no use for them."""
    more_normal: torch.Tensor | None = None
    """float32 (B, 4), standard normal: columns RECEIVER_GAIN, RECEIVER_PHASE; None with `more`."""
    edges: torch.Tensor | None = None
    """float32 (B, 2, 2 EDGE), standard normal: noise before and after the frame; None while noise is white."""

    def to(self, device: torch.device | str) -> "Draws":
        """The same numbers on another device."""
        return Draws(*(value if value is None else value.to(device, non_blocking=True) for value in self))


def draw_fresh(
    batch: int,
    modulations: Sequence[str],
    frame_length: int,
    samples_per_symbol: Oversampling,
    channel: Channel,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Draws:
    """Draw for `batch` frames on the device, from a generator of that device (None: torch's own)."""
    count, _ = block_size(frame_length, samples_per_symbol)
    options = {"generator": generator, "device": device}
    analog = any(name in ANALOG for name in modulations)
    more = needs_more(samples_per_symbol, channel)
    return Draws(
        symbols=torch.randint(0, 256, (batch, count), dtype=torch.uint8, **options),
        uniform=torch.rand(batch, 4, **options),
        normal=torch.randn(batch, 3, **options),
        noise=torch.randn(batch, 2, frame_length, **options),
        message=torch.randn(batch, 2, count // 2, **options) if analog else None,
        paths=torch.randn(batch, 2, len(channel.path_delays), **options) if channel.multipath else None,
        phase_noise=torch.randn(batch, frame_length, **options) if channel.phase_noise_std else None,
        more=torch.rand(batch, MORE, **options) if more else None,
        more_normal=torch.randn(batch, MORE_NORMALS, **options) if more else None,
        edges=torch.randn(batch, 2, 2 * EDGE, **options) if channel.filters else None,
    )


def draw_seeded(
    seed: int,
    modulation_index: np.ndarray | torch.Tensor,
    snr_db: np.ndarray | torch.Tensor,
    frame_number: np.ndarray | torch.Tensor,
    modulations: Sequence[str],
    frame_length: int,
    samples_per_symbol: Oversampling,
    channel: Channel,
    device: torch.device | str = "cpu",
) -> Draws:
    """Draw for the frames with these modulations, SNRs (dB) and numbers within their cell, each (B,).

    A frame's numbers are fixed by (seed, modulation name, SNR, frame number), frame_length and
    samples_per_symbol: neither its neighbours, nor the class list, nor the device play a part, and
    impairments can be switched on and off without changing symbols or noise. They are words of Philox
    4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), keyed by BLAKE2b over
    seed, modulation and SNR, with the frame number as the highest word of the counter (the word below it is 1 for
    `more`, `more_normal` and `edges`, which depend on neither length nor samples a symbol); normals are made by
    Box and Muller's method.

    Raises UserError for a negative frame number.
    """
    count, _ = block_size(frame_length, samples_per_symbol)
    sizes = {
        "symbols": -(-count // 4),
        "uniform": 4,
        "normal": 4,
        "noise": 2 * frame_length,
        "message": count,
        "paths": 2 * MAX_PATHS,
        "phase_noise": 2 * -(-frame_length // 2),
    }
    analog = any(name in ANALOG for name in modulations)
    last = "noise"
    if analog:
        last = "message"
    if channel.multipath:
        last = "paths"
    if channel.phase_noise_std:
        last = "phase_noise"
    ends = dict(zip(sizes, np.cumsum(list(sizes.values())).tolist(), strict=True))
    names = [modulations[index] for index in np.asarray(modulation_index).tolist()]
    key = (seed, names, np.asarray(snr_db).tolist(), np.asarray(frame_number).tolist())
    words = _words(*key, ends[last])

    def part(name: str) -> torch.Tensor:
        return words[:, ends[name] - sizes[name] : ends[name]]

    phase_noise = None
    if channel.phase_noise_std:
        phase_noise = _normal(part("phase_noise")).flatten(1)[:, :frame_length]
    return Draws(
        symbols=part("symbols").contiguous().view(torch.uint8)[:, :count],
        uniform=_uniform(part("uniform")),
        normal=_normal(part("normal")).flatten(1)[:, :3],
        noise=_normal(part("noise")),
        message=_normal(part("message")) if analog else None,
        paths=_normal(part("paths"))[:, :, : len(channel.path_delays)] if channel.multipath else None,
        phase_noise=phase_noise,
        **_more(key, samples_per_symbol, channel),
    ).to(device)


def seeded_uniform(seed: int, names: list[str], snrs: list[float], numbers: list[int]) -> torch.Tensor:
    """`Draws.more` alone, of frames with these modulations, SNRs and numbers; whatever their length."""
    return _uniform(_words(seed, names, snrs, numbers, MORE, stream=1))


def _more(key: tuple, samples_per_symbol: Oversampling, channel: Channel) -> dict[str, torch.Tensor]:
    """The fields of `Draws` that few channels want, from a stream of words of their own."""
    if not needs_more(samples_per_symbol, channel):
        return {}
    words = _words(*key, MORE + MORE_NORMALS + (4 * EDGE if channel.filters else 0), stream=1)
    normals, edges = words[:, MORE : MORE + MORE_NORMALS], words[:, MORE + MORE_NORMALS :]
    return {
        "more": _uniform(words[:, :MORE]),
        "more_normal": _normal(normals).flatten(1),
        "edges": _normal(edges) if channel.filters else None,
    }


def needs_more(samples_per_symbol: Oversampling, channel: Channel) -> bool:
    """Whether `Draws.more` is wanted: by the channel, or by samples a symbol that every frame draws for itself."""
    return isinstance(samples_per_symbol, tuple) or channel.draws_more


def _words(
    seed: int, names: list[str], snrs: list[float], numbers: list[int], length: int, stream: int = 0
) -> torch.Tensor:
    """Philox words of the frames, int32 (B, length rounded up to even)."""
    length = -(-length // 2)
    if numbers and min(numbers) < 0:
        raise UserError(f"frame_number: {min(numbers)} is not allowed, frames count from 0")
    words = np.empty((len(names), length), dtype=np.uint64)
    keys: dict[tuple[str, float], np.ndarray] = {}
    bits = np.random.Philox(key=0)
    state = bits.state  # setting the state of one generator is four times as fast as making many
    for row, (name, snr, number) in enumerate(zip(names, snrs, numbers, strict=True)):
        cell = (name, snr)
        if cell not in keys:
            keys[cell] = _cell_key(seed, name, snr)
        state["state"]["key"] = keys[cell]
        state["state"]["counter"] = np.array([0, 0, stream, number], dtype=np.uint64)
        bits.state = state
        words[row] = bits.random_raw(length)
    return torch.from_numpy(words.view(np.int32))


def _uniform(words: torch.Tensor) -> torch.Tensor:
    """The upper 24 bits of int32 words as float32 in [0, 1)."""
    return ((words >> 8) & 0xFFFFFF) * 2.0**-24


def _cell_key(seed: int, name: str, snr: float) -> np.ndarray:
    label = f"{int(seed)}/{name}/{round(float(snr), 6) + 0.0:.6f}"
    return np.frombuffer(hashlib.blake2b(label.encode(), digest_size=16).digest(), dtype="<u8")


def _normal(words: torch.Tensor) -> torch.Tensor:
    """Box and Muller: int32 words (B, 2n) -> standard normals float32 (B, 2, n)."""
    radius, angle = words.float().chunk(2, dim=1)
    # |word| + 1/2 over 2^31 keeps full relative precision near 0: tails to 6.6 standard deviations.
    radius = radius.abs_().add_(0.5).mul_(2.0**-31).clamp_(max=1.0).log_().mul_(-2.0).sqrt_()
    angle = angle.mul_(math.pi * 2.0**-31)
    normal = torch.empty(len(words), 2, radius.shape[1])
    torch.mul(radius, angle.cos(), out=normal[:, 0])
    torch.mul(radius, angle.sin_(), out=normal[:, 1])
    return normal
