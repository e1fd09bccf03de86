import numpy as np
import pytest
import torch

from amc_xai.data import Synthetic
from amc_xai.limits.anchors import anchor_decisions, cumulants, m2m4_snr, nearest_cumulants
from amc_xai.signal import DIGITAL_17, constellation


@pytest.mark.parametrize(
    ("name", "expected"),
    [  # Swami and Sadler 2000, table I
        ("BPSK", (1.0, 2.0, -2.0)),
        ("4ASK", (1.0, 1.36, -1.36)),
        ("8ASK", (1.0, 1.2381, -1.2381)),
        ("QPSK", (0.0, 1.0, -1.0)),
        ("8PSK", (0.0, 0.0, -1.0)),
        ("16QAM", (0.0, 0.68, -0.68)),
        ("64QAM", (0.0, 0.6191, -0.6191)),
    ],
)
def test_theoretical_cumulants(name, expected):
    np.testing.assert_allclose(cumulants(constellation(name)[None])[0], expected, atol=1e-4)


def test_cumulants_decide_where_they_differ():
    names = ["BPSK", "GMSK", "QPSK", "8PSK", "16QAM"]
    generator = torch.Generator().manual_seed(0)
    for name in ("BPSK", "QPSK", "8PSK", "16QAM"):
        points = constellation(name)
        sent = points[torch.randint(len(points), (20, 2000), generator=generator)]
        noise = torch.randn(20, 2000, dtype=torch.complex128, generator=generator) * 0.1**0.5
        decided = nearest_cumulants(cumulants(sent + noise, 0.1), names)
        assert {names[i] for i in decided.tolist()} == {name}


def test_m2m4_is_exact_on_exact_moments():
    """QPSK with noise of M2 = N and M4 = 2 N^2: here from many samples."""
    generator = torch.Generator().manual_seed(1)
    sent = constellation("QPSK")[torch.randint(4, (1, 400_000), generator=generator)]
    noise = torch.randn(1, 400_000, dtype=torch.complex128, generator=generator) * 10**-0.35
    assert float(m2m4_snr(sent + noise)) == pytest.approx(7.0, abs=0.05)


def test_out_of_band_estimator_reaches_its_published_share():
    """98 % of the frames of 17 classes x 0..30 dB in the right 2 dB class, all but a few from 6 dB up."""
    snrs = list(range(0, 31, 2))
    source = Synthetic(list(DIGITAL_17), snrs, frames_per_cell=4, seed=5)
    everything = np.arange(len(source.snr_index))
    found = anchor_decisions(source.read(everything), source.modulations, snrs, 8.0)["out_of_band"].numpy()
    right = found == source.snr_index
    assert right.mean() == pytest.approx(0.98, abs=0.012)
    assert right[source.snr_index >= 5].mean() >= 0.99
