import hashlib
import math

import numpy as np
import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.signal.channel import Channel
from amc_xai.signal.classes import DIGITAL_17, MODULATIONS
from amc_xai.signal.draws import GUARD_SYMBOLS, Draws, block_size, draw_fresh, draw_seeded

FULL = Channel(multipath="rayleigh", phase_noise_std=0.01, filter_band=(0.5, 1.0))


def seeded(names, snrs, numbers, seed=0, modulations=MODULATIONS, length=128, channel=FULL):
    index = np.array([modulations.index(name) for name in names])
    return draw_seeded(seed, index, np.array(snrs), np.array(numbers), modulations, length, 8, channel)


def assert_same(one, other, fields=Draws._fields):
    for field in fields:
        assert torch.equal(getattr(one, field), getattr(other, field)), field


def test_frame_depends_on_its_own_key_alone():
    alone = seeded(["QPSK"], [10], [7])
    among = seeded(["FM", "QPSK", "QPSK", "GMSK"], [0, 10, 12, 10], [7, 7, 7, 8])
    assert_same(alone, Draws(*(value[1:2] for value in among)))


def test_class_list_and_impairments_leave_symbols_and_noise():
    every = seeded(["QPSK"], [10.0], [3])
    few = seeded(["QPSK"], [10], [3], modulations=DIGITAL_17, channel=Channel())
    assert few.message is None and few.paths is None and few.phase_noise is None
    assert_same(every, few, ("symbols", "uniform", "normal", "noise"))
    faded = seeded(["QPSK"], [10], [3], modulations=DIGITAL_17, channel=FULL)
    assert torch.equal(faded.paths, every.paths) and torch.equal(faded.phase_noise, every.phase_noise)
    assert torch.equal(faded.more, every.more) and torch.equal(faded.edges, every.edges)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"snrs": [12]},
        {"names": ["8PSK"]},
        {"numbers": [4]},
    ],
)
def test_any_part_of_the_key_changes_everything(other):
    base = {"names": ["QPSK"], "snrs": [10], "numbers": [3]}
    one, two = seeded(**base), seeded(**(base | other))
    assert not torch.equal(one.symbols, two.symbols)
    correlation = (one.noise * two.noise).mean()
    assert correlation.abs() < 5 / math.sqrt(one.noise.numel())


def test_scheme_is_philox_keyed_by_blake2b():
    found = seeded(["16QAM"], [-4], [1000], seed=5)
    digest = hashlib.blake2b(b"5/16QAM/-4.000000", digest_size=16).digest()
    bits = np.random.Philox(key=np.frombuffer(digest, "<u8"), counter=[0, 0, 0, 1000])
    words = bits.random_raw(200).astype("<u8").view("<i4")
    symbols = found.symbols.shape[1]
    assert found.symbols[0].tolist() == words.view(np.uint8)[:symbols].tolist()
    at = -(-symbols // 4)
    uniform = (words[at : at + 4].view("<u4") >> 8) / 2.0**24
    assert found.uniform[0].tolist() == uniform.tolist()
    noise = words[at + 8 : at + 8 + 256].astype(np.float64)
    radius = np.sqrt(-2 * np.log((np.abs(noise[:128]) + 0.5) / 2**31))
    angle = math.pi * noise[128:] / 2**31
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)])
    np.testing.assert_allclose(found.noise[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("way", ["fresh", "seeded"])
def test_distributions(way):
    batch = 400
    if way == "fresh":
        generator = torch.Generator().manual_seed(0)
        draws = draw_fresh(batch, MODULATIONS, 256, 8, FULL, generator)
    else:
        draws = seeded(["GMSK"] * batch, [0] * batch, range(batch), length=256)
    counts = torch.bincount(draws.symbols.flatten().long(), minlength=256).double()
    expected = draws.symbols.numel() / 256
    chi_square = ((counts - expected) ** 2 / expected).sum().item()
    assert abs(chi_square - 255) < 5 * math.sqrt(2 * 255)
    normals = (draws.noise, draws.normal, draws.message, draws.paths, draws.phase_noise)
    for normal in (*normals, draws.more_normal, draws.edges):
        n = normal.numel()
        assert abs(normal.mean().item()) < 5 / math.sqrt(n)
        assert abs(normal.square().mean().item() - 1) < 5 * math.sqrt(2 / n)
        assert abs(normal.pow(4).mean().item() - 3) < 5 * math.sqrt(96 / n)
    for uniform in (draws.uniform, draws.more):
        assert uniform.min() >= 0 and uniform.max() < 1
        assert abs(uniform.mean().item() - 0.5) < 5 / math.sqrt(12 * uniform.numel())
    rails = draws.noise.transpose(0, 1).flatten(1)
    assert abs((rails[0] * rails[1]).mean().item()) < 5 / math.sqrt(rails.shape[1])


def test_both_ways_have_the_same_shapes():
    one = draw_fresh(3, MODULATIONS, 101, 2.5, FULL, torch.Generator().manual_seed(0))
    two = draw_seeded(0, [0, 1, 2], [0, 0, 0], [0, 1, 2], MODULATIONS, 101, 2.5, FULL)
    for field, a, b in zip(Draws._fields, one, two, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype, field


def test_fresh_draws_follow_the_generator():
    draws = [draw_fresh(2, DIGITAL_17, 64, 8, Channel(), torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(draws[0].noise, draws[1].noise)
    assert not torch.equal(draws[0].noise, draws[2].noise)


@pytest.mark.parametrize("samples_per_symbol", [2, 2.5, 8, 20 / 3])
@pytest.mark.parametrize("length", [1, 128, 1000, 1024])
def test_block_covers_the_frame_and_its_guard(length, samples_per_symbol):
    count, samples = block_size(length, samples_per_symbol)
    assert samples == pytest.approx(count * samples_per_symbol, abs=1e-6)
    assert count % 2 == 0 and count >= length / samples_per_symbol + GUARD_SYMBOLS


def test_bad_sizes_name_their_key():
    with pytest.raises(UserError, match=r"^frame_length"):
        block_size(0, 8)
    for bad in (0.5, math.nan, 8.001):
        with pytest.raises(UserError, match=r"^samples_per_symbol"):
            block_size(128, bad)
    with pytest.raises(UserError, match=r"^frame_number"):
        seeded(["QPSK"], [0], [-1])
