"""No format is loaded whole: of files of 4 GB what is read is read, and the rest never touched."""

import numpy as np
import pytest

from amc_xai.data import Recordings
from tests.data.large_file import anonymous_bytes
from tests.data.recordings.large import GB4, LARGE

SIZES = {"cf32": 8, "cu8": 2, "wav of 16 bits": 4, "wav of 24 bits": 6, "RF64": 4, "npy": 8, "sigmf": 4}


@pytest.mark.parametrize("kind", LARGE)
def test_a_file_of_4_gb_is_opened_and_read_in_little_memory(tmp_path, kind):
    before = anonymous_bytes()
    source = Recordings(str(LARGE[kind](tmp_path)), 1024, hop=1 << 20)
    whole = next(r for r in source.recordings if r.band is None)
    assert len(whole) == GB4 // SIZES[kind.removesuffix(" archive")]
    frames = source.read(np.array([0, len(source.start) // 2, len(source.start) - 1]))
    assert frames.shape == (3, 2, 1024)
    # Zeros are zero, and of RTL-SDR's unsigned bytes -1.
    assert np.unique(frames.numpy()).tolist() == [-1.0 if kind == "cu8" else 0.0]
    assert anonymous_bytes() - before < 100e6
