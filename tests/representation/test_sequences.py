"""Frames as sequences."""

import math

import pytest
import torch

from amc_xai.data import Facts
from amc_xai.errors import UserError
from amc_xai.representation import AmplitudePhase, Constellation, Fusion, Iq

FACTS = Facts(512, 8.0)


def test_iq_has_unit_mean_power_and_keeps_silence():
    x = (
        torch.randn(3, 2, 50, generator=torch.Generator().manual_seed(0))
        * torch.tensor([0.1, 1.0, 9.0])[:, None, None]
    )
    y = Iq(FACTS)(x)
    torch.testing.assert_close(y.square().sum(1).mean(1), torch.ones(3))
    torch.testing.assert_close(y / y[:, :1, :1], x / x[:, :1, :1])
    assert torch.equal(Iq(FACTS)(torch.zeros(1, 2, 5)), torch.zeros(1, 2, 5))
    assert Iq(FACTS).output_shape(50) == AmplitudePhase(FACTS).output_shape(50) == (2, 50)


def test_amplitude_and_phase_of_known_samples():
    iq = torch.tensor([[[2.0, 0.0, -2.0, 0.0], [0.0, 2.0, 0.0, -2.0]]])
    amplitude, phase = AmplitudePhase(FACTS)(iq)[0]
    assert amplitude.tolist() == pytest.approx([1, 1, 1, 1])
    assert phase.tolist() == pytest.approx([0, 0.5, 1, -0.5])


def test_amplitude_and_phase_lead_back_to_the_samples():
    iq = torch.randn(2, 2, 64, generator=torch.Generator().manual_seed(1))
    amplitude, phase = AmplitudePhase(FACTS)(iq).unbind(1)
    z = torch.polar(amplitude, phase * math.pi)
    torch.testing.assert_close(torch.stack([z.real, z.imag], 1), Iq(FACTS)(iq))


def test_sequences_draw_no_pixels():
    assert not hasattr(Iq(FACTS), "cells")
    assert not hasattr(AmplitudePhase(FACTS), "cells")


def test_fusion_is_both_of_the_same_frame():
    fusion = Fusion(FACTS, lambda facts: Constellation(facts, 16), Iq)
    iq = torch.randn(2, 2, 40, generator=torch.Generator().manual_seed(2))
    image, sequence = fusion(iq)
    assert torch.equal(image, Constellation(FACTS, 16)(iq))
    assert torch.equal(sequence, Iq(FACTS)(iq))
    assert torch.equal(sequence, fusion.sequence_of(iq))
    assert torch.equal(fusion.draw(fusion.cells(iq)), image)
    assert fusion.output_shape(40) == ((1, 16, 16), (2, 40))
    assert fusion.channels == ("trajectory",)


def test_fusion_wants_an_image_and_a_sequence():
    with pytest.raises(UserError, match=r"representation.image must draw an image"):
        Fusion(FACTS, Iq, Iq)
    with pytest.raises(UserError, match=r"representation.sequence must give a sequence"):
        Fusion(FACTS, Constellation, Constellation)
