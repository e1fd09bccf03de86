"""Verdicts as SigMF metadata: read back by the readers here, and never in the way of the recording."""

import json

import numpy as np
import pytest

from amc_xai.data import Recordings
from amc_xai.verdicts import Verdict
from amc_xai.verdicts.annotations import datatype, write_annotations

SAID = Verdict("a", 128, 384, 2, "QPSK", 0.9, [("QPSK", 0.9)], 12.0, 10.0, 14.0, 4.0, None, None)
STRANGE = Verdict("a", 384, 512, 1, None, None, [("QPSK", 0.9)], 12.0, 10.0, 14.0, None, None, "noise alone")


def test_the_recording_is_read_again_with_the_verdicts_as_labels(tmp_path):
    values = np.random.default_rng(0).integers(-99, 99, (600, 2), np.int16)
    path = tmp_path / "one.cs16"
    path.write_bytes(values.tobytes())
    before = path.read_bytes(), path.stat().st_mtime_ns
    recording = Recordings(str(path), frame_length=128, sample_rate=1e6).recordings[0]
    left = write_annotations(recording, [SAID, STRANGE], tmp_path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    # A folder's recordings are as many as before.
    assert len(Recordings(str(tmp_path), frame_length=128).recordings) == 1
    again = Recordings(str(left), frame_length=128)
    assert again.sample_rate == 1e6 and again.modulations[:1] == ["QPSK"]
    np.testing.assert_allclose(
        again.read(np.arange(4)), Recordings(str(path), frame_length=128).read(np.arange(4))
    )
    notes = json.loads(left.read_text())["annotations"]
    assert [note["core:label"] for note in notes] == ["QPSK", "out of scope"]
    assert notes[1]["core:comment"].startswith("out of scope: noise alone") and "amc_xai:snr" not in notes[1]


@pytest.mark.parametrize(
    "dtype, parts, name",
    [("<f4", 2, "cf32_le"), (">i2", 2, "ci16_be"), ("|u1", 2, "cu8"), ("<f8", 1, "rf64_le"), ("i3", 2, None)],
)
def test_types_have_sigmfs_names(dtype, parts, name):
    assert datatype(dtype, parts) == name
