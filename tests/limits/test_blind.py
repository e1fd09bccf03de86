import numpy as np
import pytest
import torch

from amc_xai.data.synthetic import Synthetic
from amc_xai.limits import blind
from amc_xai.limits.blind import blind_log_likelihood, staggered_energy
from amc_xai.limits.carrier import CarrierPrior
from amc_xai.signal import DIGITAL_17

PRIOR = CarrierPrior(offset_std=8e-4)


def named(source: Synthetic) -> np.ndarray:
    """The most likely class of each of its frames."""
    frames = source.read(np.arange(len(source.modulation_index)))
    return blind_log_likelihood(frames, source.modulations, source.samples_per_symbol, PRIOR).argmax(1).numpy()


def test_every_class_is_told_blindly_where_the_noise_allows_it():
    """At 20 and 26 dB of Es/N0 the limit is 100 % for the 17 classes, OQPSK among them."""
    source = Synthetic(DIGITAL_17, [20.0, 26.0], frames_per_cell=4)
    right = named(source) == source.modulation_index
    by_class = [right[source.modulation_index == c].mean() for c in range(17)]
    # Dense QAM of 126 symbols, of which the filter leaves some interference, may miss one frame of eight.
    assert min(by_class) >= 0.75 and right.mean() > 0.95


def test_it_reaches_what_a_carrier_that_is_averaged_over_leaves():
    """QPSK, 8PSK and 16PSK at 8 dB: within Monte Carlo error of the limit with the carrier unknown."""
    from amc_xai.limits.decisions import Settings
    from amc_xai.limits.reachable import find_reachable

    classes = ("QPSK", "8PSK", "16PSK")
    source = Synthetic(classes, [8.0], frames_per_cell=60)
    right = (named(source) == source.modulation_index).mean()
    row = find_reachable(Settings(classes, (8.0,), frames_per_cell=120), PRIOR)[0]
    reachable = row.modulation_right / row.frames
    # 180 and 360 frames: three standard deviations of the difference.
    assert right > reachable - 3 * np.sqrt(reachable * (1 - reachable) * (1 / 180 + 1 / 360))


@pytest.mark.parametrize("scale", [1e-3, 50.0])
def test_scale_and_turn_of_a_frame_change_nothing(scale):
    source = Synthetic(["QPSK", "16QAM", "OQPSK"], [12.0], frames_per_cell=2)
    frames = source.read(np.arange(6))
    turned = torch.stack([-frames[:, 1], frames[:, 0]], 1) * scale
    own, other = (blind_log_likelihood(part, source.modulations, 8.0, PRIOR) for part in (frames, turned))
    assert own.argmax(1).tolist() == other.argmax(1).tolist()
    torch.testing.assert_close(own - own.logsumexp(1, True), other - other.logsumexp(1, True), atol=0.1, rtol=0)


def test_what_is_passed_over_could_not_have_been_named(monkeypatch):
    source = Synthetic(DIGITAL_17, [4.0, 14.0, 24.0], frames_per_cell=2)
    frames = source.read(np.arange(len(source.modulation_index)))
    quick = blind_log_likelihood(frames, source.modulations, 8.0, PRIOR)
    monkeypatch.setattr(blind, "BEHIND", np.inf)
    monkeypatch.setattr(blind, "PULSE_BEHIND", np.inf)
    every = blind_log_likelihood(frames, source.modulations, 8.0, PRIOR)
    passed_over = quick == -torch.inf
    assert 0.1 < passed_over.double().mean() < 0.9
    assert torch.isfinite(every).all()
    posterior, whole = quick.softmax(1), every.softmax(1)
    assert (posterior - whole).abs().max() < 1e-6


def test_energy_of_staggered_symbols_is_the_most_that_a_carrier_gives():
    generator = torch.Generator().manual_seed(0)
    symbols, late = torch.randn(2, 3, 20, 2, generator=generator)
    symbols, late = torch.view_as_complex(symbols), torch.view_as_complex(late)
    most = torch.zeros(3)
    for offset in np.linspace(-0.01, 0.01, 21):
        for phase in np.linspace(0, np.pi, 60):
            turn = torch.from_numpy(phase + 2 * np.pi * offset * np.arange(20))
            i = (symbols * torch.polar(torch.ones_like(turn), -turn)).real
            q = (late * torch.polar(torch.ones_like(turn), -turn - np.pi * offset)).imag
            most = torch.maximum(most, (i.square() + q.square()).sum(1).float())
    torch.testing.assert_close(staggered_energy(symbols, late, 0.01), most, rtol=0.01, atol=0)
