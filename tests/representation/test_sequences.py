"""Frames as sequences."""

import math

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.representation import AmplitudePhase, Constellation, Fusion, Iq


def test_iq_has_unit_mean_power_and_keeps_silence():
    x = (
        torch.randn(3, 2, 50, generator=torch.Generator().manual_seed(0))
        * torch.tensor([0.1, 1.0, 9.0])[:, None, None]
    )
    y = Iq()(x)
    torch.testing.assert_close(y.square().sum(1).mean(1), torch.ones(3))
    torch.testing.assert_close(y / y[:, :1, :1], x / x[:, :1, :1])
    assert torch.equal(Iq()(torch.zeros(1, 2, 5)), torch.zeros(1, 2, 5))
    assert Iq().output_shape(50) == AmplitudePhase().output_shape(50) == (2, 50)


def test_amplitude_and_phase_of_known_samples():
    iq = torch.tensor([[[2.0, 0.0, -2.0, 0.0], [0.0, 2.0, 0.0, -2.0]]])
    amplitude, phase = AmplitudePhase()(iq)[0]
    assert amplitude.tolist() == pytest.approx([1, 1, 1, 1])
    assert phase.tolist() == pytest.approx([0, 0.5, 1, -0.5])


def test_amplitude_and_phase_lead_back_to_the_samples():
    iq = torch.randn(2, 2, 64, generator=torch.Generator().manual_seed(1))
    amplitude, phase = AmplitudePhase()(iq).unbind(1)
    z = torch.polar(amplitude, phase * math.pi)
    torch.testing.assert_close(torch.stack([z.real, z.imag], 1), Iq()(iq))


def test_sequences_draw_no_pixels():
    assert not hasattr(Iq(), "cells")
    assert not hasattr(AmplitudePhase(), "cells")


def test_fusion_is_both_of_the_same_frame():
    fusion = Fusion(lambda: Constellation(16), Iq)
    iq = torch.randn(2, 2, 40, generator=torch.Generator().manual_seed(2))
    image, sequence = fusion(iq)
    assert torch.equal(image, Constellation(16)(iq))
    assert torch.equal(sequence, Iq()(iq))
    assert torch.equal(sequence, fusion.sequence_of(iq))
    assert torch.equal(fusion.draw(fusion.cells(iq)), image)
    assert fusion.output_shape(40) == ((1, 16, 16), (2, 40))
    assert fusion.channels == ("trajectory",)


def test_fusion_wants_an_image_and_a_sequence():
    with pytest.raises(UserError, match=r"representation.image must draw an image"):
        Fusion(Iq, Iq)
    with pytest.raises(UserError, match=r"representation.sequence must give a sequence"):
        Fusion(Constellation, Constellation)
