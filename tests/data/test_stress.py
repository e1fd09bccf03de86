import math

import numpy as np
import pytest
import torch

from amc_xai.data.stress import CLEAN, SWEEPS, Condition, Trained, stressed_source, with_carrier_offset
from amc_xai.signal import Channel

BY_NAME = {sweep.name: sweep for sweep in SWEEPS}
OPTIONS = {"modulations": ["QPSK", "16QAM"], "frames_per_cell": 2, "frame_length": 512, "samples_per_symbol": 8.0}


def test_carrier_offset_turns_every_frame_its_own_way_and_keeps_the_noise():
    frames = torch.randn(2, 2, 64)
    turned = with_carrier_offset(frames, 0.01, torch.tensor([1.0, -1.0]))
    z, w = (torch.complex(*part.unbind(1)) for part in (frames, turned))
    angle = 2 * math.pi * 0.01 * torch.arange(64)
    torch.testing.assert_close(w[0], z[0] * torch.exp(1j * angle))
    torch.testing.assert_close(w[1], z[1] * torch.exp(-1j * angle))


@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in ("es_n0", "pulse")])
def test_first_or_last_strength_is_the_clean_frame_and_the_worst_is_not(name):
    sweep = BY_NAME[name]
    clean = stressed_source(Condition(), 30.0, CLEAN, **OPTIONS)
    frames = clean.read(np.arange(4))
    if name in ("carrier_offset", "symbol_rate_error"):  # acts on the frame, or on what the network is told
        worst = sweep.condition(sweep.strengths[-1])
        assert worst.carrier_offset == 0.05 or worst.rate_error == 0.01
        assert sweep.condition(sweep.strengths[0]) == Condition()
        return
    changed = [stressed_source(sweep.condition(s), 30.0, CLEAN, **OPTIONS) for s in sweep.strengths]
    read = [source.read(np.arange(4)) for source in changed]
    assert all(torch.isfinite(part).all() for part in read)
    overlap = [min(part.shape[-1], frames.shape[-1]) for part in read]
    far = [(part[..., :n] - frames[..., :n]).abs().max() for part, n in zip(read, overlap, strict=True)]
    assert max(far) > 0.05
    if name not in ("quantisation", "roll_off"):
        assert min(far) < 1e-6


def test_what_training_knew_is_told_from_its_channel():
    receiver = Channel(
        carrier_offset_max=0.01,
        carrier_offset_std=0.001,
        roll_off=(0.2, 0.4),
        filter_band=(0.6, 1.0),
        dc=(0.0, 0.1),
    )
    trained = Trained(receiver, (2.0, 16.0), (256, 2048), (-10.0, 70.0))
    known = {name: [s for s in sweep.strengths if sweep.inside(s, trained)] for name, sweep in BY_NAME.items()}
    assert known["carrier_offset"] == [0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2]
    assert known["roll_off"] == [0.2, 0.3, 0.4]
    assert known["channel_filter"] == [1.0, 0.9, 0.8, 0.65]
    assert known["frame_length"] == [256, 512, 1024, 2048]
    assert known["samples_per_symbol"] == list(BY_NAME["samples_per_symbol"].strengths)
    assert known["rayleigh"] == [0.0] and known["symbol_rate_error"] == [0.0]
    assert known["pulse"] == ["root_raised_cosine"]
    assert known["dc"] == [0.0, 0.03, 0.1]
    fading = Trained(Channel(multipath="rayleigh", path_delays=(0.0, 2.0, 5.0)), (8.0, 8.0), (1024, 1024), (0, 30))
    assert [s for s in BY_NAME["rayleigh"].strengths if BY_NAME["rayleigh"].inside(s, fading)] == [0.0, 0.25, 0.5]
