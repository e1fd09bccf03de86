"""What tests of recordings ask again and again."""

import json
import logging

import numpy as np

from amc_xai.data import Recordings

N = 100
RNG = np.random.default_rng(7)
IQ = RNG.uniform(-1, 1, (N, 2)).astype("<f4")
ABOUT = {"core:datatype": "cf32_le", "core:sample_rate": 1e6, "core:version": "1.2.0"}


def samples(path, **options) -> np.ndarray:
    """All samples that are read (n, 2), in frames of one."""
    source = Recordings(str(path), 1, **options)
    return source.read(np.arange(len(source.start))).numpy()[:, :, 0]


def said(caplog) -> str:
    """All warnings, one a line."""
    return "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)


def write(folder, captures=({"core:sample_start": 0},), notes=(), data=IQ, name="r", **about):
    """A recording as the specification has it; keys of ``about`` without ``core:``."""
    (folder / f"{name}.sigmf-data").write_bytes(data if isinstance(data, bytes) else data.tobytes())
    meta = {
        "global": ABOUT | {f"core:{key}": value for key, value in about.items()},
        "captures": list(captures),
        "annotations": list(notes),
    }
    path = folder / f"{name}.sigmf-meta"
    path.write_text(json.dumps(meta))
    return path


def note(start=None, count=None, label=None, **more) -> dict:
    given = {"core:sample_start": start, "core:sample_count": count, "core:label": label}
    return {key: value for key, value in given.items() if value is not None} | {
        f"core:{key}": value for key, value in more.items()
    }


def labels_at(source) -> dict[int, str | None]:
    return {
        int(start): None if m < 0 else source.modulations[m]
        for start, m in zip(source.start, source.modulation_index, strict=True)
    }
