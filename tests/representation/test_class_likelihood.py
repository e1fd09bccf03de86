"""How likely each class is by a frame's symbols, as channels of the points."""

import math

import pytest
import torch

from amc_xai.data import Facts
from amc_xai.errors import UserError
from amc_xai.representation import Points
from amc_xai.representation.class_likelihood import LEVELS, RADII, _series
from amc_xai.signal.constellations import constellation
from tests.representation.received import frames

FACTS = Facts(512, 8.0)
CLASSES = ["BPSK", "4ASK", "unipolar 4ASK", "QPSK", "8PSK", "16APSK", "16QAM", "OQPSK"]


def seen(iq: torch.Tensor, classes=CLASSES, facts=FACTS, **options) -> torch.Tensor:
    """The channels (B, C) of the group, the same at each symbol."""
    found = Points(facts, ["likelihood"], classes=classes, **options)(iq)
    assert (found == found[..., :1]).all()
    return found[..., 0]


@pytest.mark.parametrize("name", ["BPSK", "QPSK", "8PSK", "16APSK", "16QAM", "OQPSK"])
def test_the_class_that_was_sent_is_the_likeliest(name):
    iq = frames(name, 24, 1024, 8, 14.0, carrier_offset_std=1e-4).iq
    assert (seen(iq).argmax(1) == CLASSES.index(name)).float().mean() > 0.85


def test_unipolar_levels_are_a_class_of_their_own():
    iq = frames("4ASK", 24, 1024, 8, 14.0, unipolar_ask=True).iq
    assert (seen(iq).argmax(1) == CLASSES.index("unipolar 4ASK")).float().mean() > 0.9


def test_probabilities_add_up_to_one_and_follow_how_often_they_are_right():
    made = [frames(name, 60, 512, 8, 4.0, seed=k).iq for k, name in enumerate(("QPSK", "8PSK", "16QAM"))]
    probability = ((seen(torch.cat(made), ["QPSK", "8PSK", "16QAM"]) - 1) * 10).exp()
    torch.testing.assert_close(probability.sum(1), torch.ones(180))
    right = probability.argmax(1) == torch.arange(3).repeat_interleave(60)
    # Neither sure of itself nor in doubt beyond what its answers deserve.
    assert float(probability.amax(1).mean()) == pytest.approx(float(right.float().mean()), abs=0.12)
    assert 0.45 < right.float().mean() < 0.98


def test_neighbours_turns_and_gain_change_nothing():
    iq = torch.cat([frames("16QAM", 20, 512, 8, 10.0).iq, frames("OQPSK", 20, 512, 8, 3.0).iq])
    together = seen(iq)
    torch.testing.assert_close(seen(iq[17:19]), together[17:19], rtol=0, atol=1e-3)
    torch.testing.assert_close(seen(3 * iq), together, rtol=0, atol=1e-3)
    turned = torch.stack([-iq[:, 1], iq[:, 0]], 1)
    torch.testing.assert_close(seen(turned), together, rtol=0, atol=2e-3)


def test_frames_of_other_rates_are_padded_without_harm():
    iq = frames("8PSK", 6, 512, 8, 10.0).iq
    points = Points(Facts(512), ["likelihood", "valid"], classes=CLASSES)
    mixed = torch.cat([iq, frames("QPSK", 3, 512, 4, 10.0).iq])
    found = points(mixed, torch.tensor([8.0] * 6 + [4.0] * 3))
    alone = points(iq, torch.full((6,), 8.0))
    torch.testing.assert_close(found[:6, :-1, 0], alone[:, :-1, 0], rtol=0, atol=1e-3)
    assert (found[:6, :, -1] == 0).all() and (found[:6, 4, 0] > 0.9).float().mean() > 0.6


def test_what_is_given_is_finite_float32_within_one():
    iq = torch.cat([torch.zeros(2, 2, 512), frames("QPSK", 2, 512, 8, 90.0).iq, torch.randn(2, 2, 512)])
    found = seen(iq)
    assert found.dtype == torch.float32 and found.isfinite().all() and found.abs().amax() <= 1
    assert (seen(torch.randn(2, 2, 64), facts=Facts(64, 2.0)) == 0).all()  # nothing lies outside the band


def test_series_is_the_log_density():
    points = constellation("16QAM")
    values, half = _series([points], 4)
    level, node, angle = LEVELS.index(8), 20, 0.3
    ratio, radius = 10**0.8, 20 / (RADII - 1) * float(half[level])
    y = radius * complex(math.cos(angle), math.sin(angle))
    exponent = ratio * (2 * (y.conjugate() * points).real - points.abs().square())
    truth = float(exponent.logsumexp(0)) - math.log(16)
    series = values[level * RADII + node, :, 0]
    harmonic = 4 * torch.arange(len(series))
    twice = torch.where(harmonic > 0, 2.0, 1.0)
    assert float((twice * series * (harmonic * angle).cos()).sum()) == pytest.approx(truth, abs=0.02)


def test_what_has_no_likelihood_is_refused():
    with pytest.raises(UserError, match=r"^representation.classes: 'FM' has no constellation; choose from OOK"):
        Points(FACTS, ["likelihood"], classes=["FM", "QPSK"])
    with pytest.raises(UserError, match=r"^representation.classes: name two classes or more, each once"):
        Points(FACTS, ["likelihood"], classes=["QPSK", "QPSK"])
    with pytest.raises(UserError, match=r"^representation.groups: likelihood looks .* carrier_reach=0.03125 "):
        Points(FACTS, ["likelihood"], carrier_reach=0.4)
    assert len(Points(FACTS, ["likelihood"]).channels) == 17
