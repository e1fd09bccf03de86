import math

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.signal.channel import Channel
from amc_xai.signal.impairments import faded, imbalanced, path_gains, rotated


def noise_block(batch, samples, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, samples, dtype=torch.complex64, generator=generator)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"roll_off": (0.4, 0.1)}, "roll_off"),
        ({"roll_off": (0.1, 1.1)}, "roll_off"),
        ({"roll_off": (0.1,)}, "roll_off"),
        ({"carrier_offset_std": -1.0}, "carrier_offset_std"),
        ({"phase_noise_std": math.nan}, "phase_noise_std"),
        ({"multipath": "nakagami"}, "multipath"),
        ({"path_delays": (0.0, 1.0), "path_powers": (1.0,)}, "path_delays"),
        ({"path_delays": (-1.0,), "path_powers": (1.0,)}, "path_delays"),
        ({"path_delays": (0.0,), "path_powers": (0.0,)}, "path_powers"),
        ({"snr_definition": "eb_n0"}, "snr_definition"),
        ({"pulse": 5}, "pulse"),
        ({"dc": "abc"}, "dc"),
        ({"dc": (0.1, math.nan)}, "dc"),
        ({"filter_band": None}, "filter_band"),
        ({"filter_band": (0.5, 1.5)}, "filter_band"),
        ({"filter_share": 1.5}, "filter_share"),
        ({"carrier_offset_max": "x"}, "carrier_offset_max"),
        ({"clip": 0.0}, "clip"),
        ({"quantisation_bits": 0}, "quantisation_bits"),
        ({"quantisation_bits": 7.5}, "quantisation_bits"),
        ({"gaussian_bt": 0.0}, "gaussian_bt"),
    ],
)
def test_bad_settings_name_their_key(settings, key):
    with pytest.raises(UserError, match=rf"^channel\.{key}: "):
        Channel(**settings)


def test_lists_from_a_config_are_taken():
    assert Channel(roll_off=[0, 1]).roll_off == (0.0, 1.0)
    assert Channel(roll_off=[0, 1]) == Channel(roll_off=(0.0, 1.0))


def test_delays_of_whole_samples_shift():
    block = noise_block(2, 64)
    gains = noise_block(2, 2, seed=1)
    expected = gains[:, :1] * block + gains[:, 1:] * block.roll(5, 1)
    torch.testing.assert_close(faded(block, gains, (0.0, 5.0)), expected, atol=1e-5, rtol=0)


def test_delay_by_a_fraction_of_a_sample():
    time = torch.arange(64) / 64
    tone = torch.exp(2j * math.pi * 3 * time)[None]
    late = torch.exp(2j * math.pi * 3 * (time - 2.25 / 64))[None]
    torch.testing.assert_close(faded(tone, torch.ones(1, 1) + 0j, (2.25,)), late, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["rayleigh", "rician"])
def test_path_powers_are_normalised(kind):
    channel = Channel(multipath=kind, path_delays=(0, 1, 2), path_powers=(2.0, 1.0, 1.0), k_factor=3.0)
    generator = torch.Generator().manual_seed(5)
    gains = path_gains(
        channel, torch.randn(200_000, 2, 3, generator=generator), torch.rand(200_000, generator=generator)
    )
    power = gains.abs().square()
    torch.testing.assert_close(power.mean(0), torch.tensor([0.5, 0.25, 0.25]), atol=0.005, rtol=0)
    # Var |h|^2 = p^2 (1 + 2K) / (1 + K)^2: 1 for Rayleigh, 7/16 for K = 3.
    spread = 1.0 if kind == "rayleigh" else 7 / 16
    assert power[:, 0].var().item() / 0.25 == pytest.approx(spread, rel=0.03)
    assert power[:, 1].var().item() / 0.0625 == pytest.approx(1.0, rel=0.03)
    assert gains.mean(0).abs().max() < 0.01


def test_imbalance_gain_and_angle():
    block = noise_block(1, 1000)
    skewed = imbalanced(block, torch.tensor([1.0]), torch.tensor([0.0]))[0]
    ratio = (skewed.real / block[0].real) / (skewed.imag / block[0].imag)
    torch.testing.assert_close(20 * torch.log10(ratio), torch.ones(1000), atol=1e-3, rtol=0)
    # Images of the two axes leave the right angle by the stated error.
    axes = imbalanced(torch.tensor([[1, 1j]], dtype=torch.complex64), torch.zeros(1), torch.tensor([4.0]))[0]
    angle = torch.rad2deg(torch.angle(axes[1]) - torch.angle(axes[0]))
    assert angle.item() == pytest.approx(94.0, abs=1e-3)


def test_imbalance_keeps_the_power_of_circular_signals():
    block = noise_block(1, 200_000)
    skewed = imbalanced(block, torch.tensor([2.0]), torch.tensor([10.0]))
    assert skewed.abs().square().mean().item() / block.abs().square().mean().item() == pytest.approx(1, abs=0.01)


def test_no_imbalance_is_identity():
    block = noise_block(3, 16)
    torch.testing.assert_close(imbalanced(block, torch.zeros(3), torch.zeros(3)), block)


@pytest.mark.parametrize("length", [1, 32, 100])
def test_rotation_is_the_exponential(length):
    phase, offset = torch.tensor([0.3, -2.0]), torch.tensor([1e-3, -0.2])
    wander = torch.randn(2, length, generator=torch.Generator().manual_seed(0))
    time = torch.arange(length)
    angle = phase[:, None] + 2 * math.pi * offset[:, None] * time
    one = torch.ones(2, length, dtype=torch.complex64)
    torch.testing.assert_close(rotated(one, phase, offset, None), torch.exp(1j * angle), atol=5e-5, rtol=0)
    torch.testing.assert_close(
        rotated(one, phase, offset, wander), torch.exp(1j * (angle + wander)), atol=5e-5, rtol=0
    )
