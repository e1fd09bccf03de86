"""Frames per second of synthesis: `pytest tests/benchmarks/bench_synthesis.py -s`."""

import pytest
import torch

from amc_xai.data import Synthetic
from amc_xai.limits.posterior import ClassPosterior
from amc_xai.signal import (
    DIGITAL_17,
    MODULATIONS,
    Channel,
    draw_fresh,
    draw_seeded,
    frame_parameters,
    synthesise,
)

BATCH, LENGTH, SAMPLES_PER_SYMBOL = 1024, 1024, 8
CHANNELS = {
    "default": Channel(),
    "all impairments": Channel(multipath="rician", iq_gain_std_db=0.5, iq_phase_std_deg=2.0, phase_noise_std=1e-3),
}


@pytest.mark.parametrize("impairments", CHANNELS)
@pytest.mark.parametrize("modulations", [DIGITAL_17, MODULATIONS], ids=["17 classes", "24 classes"])
@pytest.mark.parametrize("way", ["fresh", "seeded"])
def test_frames_per_second(benchmark, way, modulations, impairments):
    channel = CHANNELS[impairments]
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(len(modulations), (BATCH,), generator=generator)
    snr_db = 2.0 * torch.randint(16, (BATCH,), generator=generator)
    number = torch.arange(BATCH)

    def make():
        if way == "fresh":
            draws = draw_fresh(BATCH, modulations, LENGTH, SAMPLES_PER_SYMBOL, channel, generator)
        else:
            draws = draw_seeded(0, index, snr_db, number, modulations, LENGTH, SAMPLES_PER_SYMBOL, channel)
        return synthesise(index, snr_db, draws, modulations, LENGTH, SAMPLES_PER_SYMBOL, channel)

    made = benchmark(make)
    assert made.iq.shape == (BATCH, 2, LENGTH)
    if benchmark.stats:
        rate = BATCH / benchmark.stats["median"]
        print(f"\n{way}, {len(modulations)} classes, {impairments}: {rate:,.0f} frames/s")


def test_what_the_posterior_costs(benchmark):
    """Beside the frames of `experiment=limit_272_cpu`, a batch of 128."""
    source = Synthetic("digital", range(0, 31, 2), endless=True)
    teacher = ClassPosterior(source.modulations, source.snrs, LENGTH, SAMPLES_PER_SYMBOL, source.channel)
    generator = torch.Generator().manual_seed(0)
    modulation, snr = (
        torch.randint(17, (128,), generator=generator),
        torch.randint(16, (128,), generator=generator),
    )
    shape = (source.modulations, LENGTH, SAMPLES_PER_SYMBOL, source.channel)
    draws = draw_fresh(128, *shape, generator)
    made = synthesise(modulation, torch.tensor(source.snrs)[snr], draws, *shape)
    known = frame_parameters(draws, SAMPLES_PER_SYMBOL, source.channel)
    assert benchmark(lambda: teacher(made, known, modulation, snr, generator)).shape == (128, 17)
    if benchmark.stats:
        print(f"\nposterior of 128 frames: {1e3 * benchmark.stats['median']:.1f} ms")
