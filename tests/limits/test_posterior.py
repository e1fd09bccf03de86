import math

import pytest
import torch

from amc_xai.data import Synthetic
from amc_xai.limits import log_likelihood
from amc_xai.limits.posterior import ClassPosterior
from amc_xai.signal import constellation, draw_fresh, frame_parameters, synthesise

SIX = ["BPSK", "QPSK", "8PSK", "16QAM", "8ASK", "OQPSK"]
CHANNELS = {
    "root_raised_cosine": {},
    "radioml2018": {"pulse": "radioml2018", "unipolar_ask": True},
    "rectangular": {"pulse": "rectangular"},
    "twin": {"pulse": "radioml2018", "unipolar_ask": True, "snr_definition": "radioml2018"},
}


def teacher_of(source):
    return ClassPosterior(
        source.modulations, source.snrs, source.frame_length, source.samples_per_symbol, source.channel, steps=105
    )


def drawn(source, frames, seed=0):
    """What a teacher is given of fresh frames."""
    generator = torch.Generator().manual_seed(seed)
    modulation = torch.randint(len(source.modulations), (frames,), generator=generator)
    snr = torch.randint(len(source.snrs), (frames,), generator=generator)
    shape = (source.modulations, source.frame_length, source.samples_per_symbol, source.channel)
    draws = draw_fresh(frames, *shape, generator)
    made = synthesise(modulation, torch.tensor(source.snrs)[snr], draws, *shape)
    return made, frame_parameters(draws, source.samples_per_symbol, source.channel), modulation, snr, generator


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
def test_every_symbol_of_the_period_stands_alone_in_white_noise(channel):
    # At 40 dB what one symbol leaves of another would show, at the ends of the frame before all.
    level = 15.0 if "snr_definition" in channel else 40.0
    source = Synthetic(SIX, [level], frame_length=40, samples_per_symbol=4.0, channel=channel)
    teacher = teacher_of(source)
    made, known, modulation, snr, generator = drawn(source, 1200)
    symbols, late = teacher.outputs(made, known, modulation, snr, generator)
    staggered = (modulation == source.modulations.index("OQPSK"))[:, None]
    symbols = torch.where(staggered, torch.complex(symbols.real, late.imag), symbols)
    noise = symbols - made.sent * teacher.scale[modulation][:, None]
    expected = float(teacher.variance[0]) / 4 / teacher.flat
    assert (noise.abs().square().mean(0) / expected - 1).abs().max() < 5 / math.sqrt(1200)
    between = (noise[:, 1:] * noise[:, :-1].conj()).mean(0).abs() / expected
    assert between.max() < 5 / math.sqrt(1200)


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
def test_it_is_right_as_often_as_it_says_whatever_the_frame_looks_like(channel):
    # E[(p_c - 1_c) h(frame)] = 0 for every h: the tower property, on frames of a few symbols.
    snrs = [-6.0, -2.0] if "snr_definition" in channel else [0.0, 8.0]
    source = Synthetic(SIX, snrs, frame_length=24, samples_per_symbol=4.0, channel=channel)
    given = drawn(source, 6000)
    posterior = teacher_of(source)(*given)
    torch.testing.assert_close(posterior.sum(1), torch.ones(6000))
    made, modulation = given[0], given[2]
    error = posterior - torch.nn.functional.one_hot(modulation, len(SIX))
    frame = torch.complex(*made.iq.unbind(1))
    looks = [torch.ones(6000), frame.abs().square().mean(1), frame.square().mean(1).abs(), frame.abs().mean(1)]
    for look in looks:
        product = error * look[:, None]
        assert (product.mean(0).abs() < 4.5 * product.std(0) / math.sqrt(6000)).all()
    # Brier's score of a calibrated answer is what it expects of itself.
    surprise = posterior.gather(1, modulation[:, None])[:, 0] - posterior.square().sum(1)
    assert surprise.mean().abs() < 4.5 * surprise.std() / math.sqrt(6000)
    assert posterior.max(1).values.mean() - 1 / len(SIX) > 0.05  # it does say something


def test_its_mean_over_the_phase_is_the_posterior_without_it():
    # Brute force over all sequences of four symbols, and the phase integrated.
    names, ratio, phases = ["BPSK", "QPSK", "8PSK"], 10**0.3, 48
    source = Synthetic(names, [3.0], frame_length=64)
    teacher = teacher_of(source)
    generator = torch.Generator().manual_seed(2)
    label = torch.arange(12) % 3
    sent = torch.stack([constellation(names[c])[torch.randint(2 << c, (4,), generator=generator)] for c in label])
    noise = torch.randn(12, 4, 2, generator=generator, dtype=torch.float64) * math.sqrt(0.5 / ratio)
    turn = torch.polar(torch.ones(12, 1).double(), 6 * torch.rand(12, 1, generator=generator).double())
    received = sent * turn + torch.view_as_complex(noise)
    answers, evidence = [], []
    for k in range(phases):
        y = received * complex(math.cos(2 * math.pi * k / phases), math.sin(2 * math.pi * k / phases))
        answers.append(teacher._look_up(y.to(torch.complex64), torch.zeros(12).long(), teacher.tables).softmax(1))
        columns = []
        for name in names:
            sequences = torch.cartesian_prod(*[constellation(name)] * 4)
            distance = (y[:, None] - sequences[None]).abs().square().sum(2)
            columns.append((-ratio * distance).exp().mean(1))
        evidence.append(torch.stack(columns, 1))
    answers, evidence = torch.stack(answers), torch.stack(evidence)
    without = evidence.sum(0) / evidence.sum((0, 2))[:, None]
    weight = evidence.sum(2, keepdim=True) / evidence.sum((0, 2))[None, :, None]
    torch.testing.assert_close((weight * answers).sum(0), without, atol=2e-3, rtol=0)
    # And it isn't that what is known makes no difference.
    assert (answers[0] - without).abs().max() > 0.05


def test_its_largest_class_is_right_as_often_as_a_genie():
    names = ["BPSK", "QPSK", "8PSK", "16QAM"]
    source = Synthetic(names, [6.0], frame_length=64, samples_per_symbol=4.0)
    given = drawn(source, 3000)
    right = (teacher_of(source)(*given).argmax(1) == given[2]).double()
    # Symbols drawn directly, as many as the period holds, judged by the exact likelihood.
    count, generator, noise = given[0].sent.shape[1], torch.Generator().manual_seed(1), 10**-0.6
    hits = []
    for c, name in enumerate(names):
        points = constellation(name)
        sent = points[torch.randint(len(points), (750, count), generator=generator)]
        white = torch.randn(750, count, 2, generator=generator, dtype=torch.float64) * math.sqrt(noise / 2)
        y = sent + torch.view_as_complex(white)
        hits.append(torch.stack([log_likelihood(y, constellation(m), noise) for m in names], 1).argmax(1) == c)
    genie = torch.cat(hits).double()
    deviation = math.sqrt((right.var() + genie.var()) / 3000)
    assert abs(float(right.mean() - genie.mean())) < 4 * deviation
    assert 0.5 < genie.mean() < 0.99


def test_frames_are_those_without_a_teacher_and_of_any_length():
    source = Synthetic(SIX, [0.0, 10.0], frame_length=[32, 64], samples_per_symbol=4.0)
    label = torch.arange(12) % 6, torch.arange(12) % 2
    plain = source.fresh(*label, torch.Generator().manual_seed(3), 48)
    taught = source.fresh(*label, torch.Generator().manual_seed(3), 48, teacher=teacher_of(source))
    assert plain.posterior is None and torch.equal(plain.iq, taught.iq)
    assert taught.posterior.shape == (12, 6) and taught.posterior.dtype == torch.float32
    assert torch.equal(taught.to("cpu").posterior, taught.posterior)
