"""Verdicts as SigMF annotations (sigmf.org, version 1.2) of the recordings that they are on."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amc_xai import __version__
from amc_xai.data.recordings.finding import VERDICTS
from amc_xai.data.recordings.recording import PACKED_24, Recording
from amc_xai.files import replacing
from amc_xai.verdicts.verdict import Verdict

OWN = "amc_xai"


def write_annotations(recording: Recording, verdicts: Sequence[Verdict], folder: Path) -> Path | None:
    """Leave metadata with these verdicts in ``folder``, named after the recording; its own files stay as they are.

    None where SigMF has no way to say how its samples lie (numbers of 24 bits, one of several channels).
    """
    numbers = recording.numbers
    name = datatype(numbers.dtype, numbers.shape[1])
    size = 0 if name is None else int(numbers.dtype[2:]) * numbers.shape[1]
    if name is None or numbers.strides[0] != size:
        return None
    about: dict[str, Any] = {
        "core:datatype": name,
        "core:version": "1.2.0",
        "core:num_channels": 1,
        "core:dataset": numbers.file.name,
        "core:generator": f"amc_xai {__version__}",
        "core:extensions": [{"name": OWN, "version": "1.0.0", "optional": True}],
    }
    if recording.sample_rate is not None:
        about["core:sample_rate"] = float(recording.sample_rate)
    capture = {"core:sample_start": 0}
    header = numbers.offset - recording.first * size
    if header > 0:
        capture["core:header_bytes"] = header
    path = folder / (recording.path.name.removesuffix(".sigmf-meta") + VERDICTS)
    meta = {"global": about, "captures": [capture], "annotations": [annotation(one) for one in verdicts]}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(meta, indent=1), encoding="utf-8")
    return path


def datatype(dtype: str, parts: int) -> str | None:
    """SigMF's name of numbers of a NumPy type, two to a sample of I and Q; None where it has none."""
    kinds = {"f4": "f32", "f8": "f64", "i1": "i8", "i2": "i16", "i4": "i32", "u1": "u8", "u2": "u16", "u4": "u32"}
    if dtype == PACKED_24 or dtype[1:] not in kinds:
        return None
    order = "" if dtype[1:] in ("i1", "u1") else "_be" if dtype[0] == ">" else "_le"
    return f"{'c' if parts == 2 else 'r'}{kinds[dtype[1:]]}{order}"


def annotation(verdict: Verdict) -> dict[str, Any]:
    """One verdict; the label is its modulation, or that it is out of scope."""
    note: dict[str, Any] = {
        "core:sample_start": verdict.start,
        "core:sample_count": verdict.stop - verdict.start,
        "core:label": verdict.modulation or "out of scope",
        "core:generator": "amc_xai",
        "core:comment": str(verdict).split(": ", 1)[1],
    }
    if verdict.modulation is not None:
        note |= {f"{OWN}:probability": round(verdict.probability, 4), f"{OWN}:snr": round(verdict.snr_db, 1)}
    return note
