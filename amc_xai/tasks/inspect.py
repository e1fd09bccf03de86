"""``task=inspect``: what a source holds, and what would spoil a training on it."""

import json
import logging

import numpy as np

from amc_xai.data import Facts
from amc_xai.data.inspection import cell_counts, chunks_of, scan, warnings_about
from amc_xai.errors import UserError
from amc_xai.files import replacing
from amc_xai.parts import Parts
from amc_xai.progress import progress
from amc_xai.report import Gallery
from amc_xai.report.constellations import constellation_grid
from amc_xai.report.style import write_figure
from amc_xai.representation import Constellation
from amc_xai.signal.snr import definition_in_words, es_n0_in_words, es_n0_offset_db

log = logging.getLogger(__name__)
SHOWN_SNRS = 8


def run(parts: Parts, name: str = "inspect", needs_checkpoint: bool = False) -> None:
    """Read every frame of ``dataset`` once; leaves ``inspection.json`` and ``figures/constellation_grid.png``."""
    source = parts.make["dataset"]()
    if hasattr(source, "image_shape"):
        raise UserError("dataset: task=inspect looks at I/Q frames; images can be looked at as they are")
    frames = len(source.modulation_index)
    chunks = chunks_of(frames)
    statistics = scan(source, progress(chunks, "reading frames", 0, len(chunks)))
    counts = cell_counts(source)
    definition, sps = source.snr_definition, source.samples_per_symbol
    offsets = {name: es_n0_offset_db(definition, name, sps) for name in source.modulations}
    unknown = int(((source.modulation_index < 0) | (source.snr_index < 0)).sum())
    lines = [
        f"{frames} frames of {source.frame_length} samples, {len(source.modulations)} classes, "
        f"{len(source.snrs)} SNRs, {unknown} with an unknown label",
        f"SNR labels: {', '.join(f'{s:g}' for s in source.snrs) or 'none'}; {meaning(source, offsets)}",
        f"frames a cell: {counts.min() if counts.size else 0} to {counts.max() if counts.size else 0}",
        f"{'class':<12}{'frames':>10}{'median RMS':>14}",
    ]
    rows = []
    for m, modulation in enumerate(source.modulations):
        here = (source.modulation_index == m) & statistics.finite
        rms = float(np.median(statistics.rms[here])) if here.any() else None
        rows.append({"modulation": modulation, "frames": int((source.modulation_index == m).sum()), "rms": rms})
        rows[-1]["es_n0_offset_db"] = offsets[modulation]
        lines.append(f"{modulation:<12}{rows[-1]['frames']:>10}{'-' if rms is None else format(rms, '.4g'):>14}")
    log.info("\n%s", "\n".join(lines))
    said = warnings_about(source, statistics)
    for sentence in said:
        log.warning("%s", sentence)
    with replacing(parts.folder / "inspection.json") as temporary:
        result = {
            "frames": frames, "frame_length": source.frame_length, "snrs": source.snrs, "by_class": rows,
            "snr_definition": source.snr_definition,
            "frames_by_cell": counts.tolist(), "not_finite": np.flatnonzero(~statistics.finite).tolist(),
            "dead": np.flatnonzero(statistics.dead).tolist(), "copies": statistics.copies.tolist(),
            "warnings": said,
        }  # fmt: skip
        temporary.write_text(json.dumps(result, indent=1))
    if counts.any():
        draw(source, statistics.finite, parts)


def meaning(source, offsets: dict[str, float | None]) -> str:
    """What the SNR labels count, and which Es/N0 they stand for."""
    definition = source.snr_definition
    if definition is None:
        return "what they mean is not known (dataset.snr_definition)"
    words = definition_in_words(definition)
    return words if definition == "es_n0" else f"{words}. {es_n0_in_words(definition, offsets)}"


def draw(source, readable: np.ndarray, parts: Parts) -> None:
    """The first readable frame of each class at up to eight SNRs."""
    shown = np.unique(np.linspace(0, len(source.snrs) - 1, min(SHOWN_SNRS, len(source.snrs))).round().astype(int))
    first = []
    for m in range(len(source.modulations)):
        for s in shown:
            here = np.flatnonzero((source.modulation_index == m) & (source.snr_index == s) & readable)
            first += here[:1].tolist()
    if not first:
        return
    chosen = np.asarray(first)
    picture = Constellation(Facts.of(source), image_size=64)
    gallery = Gallery(
        picture(source.read(chosen)).numpy(),
        np.asarray(source.modulations)[source.modulation_index[chosen]],
        np.asarray(source.snrs)[source.snr_index[chosen]],
        np.asarray(picture.channels),
        extent=picture.extent,
        axes=np.asarray([picture.axes[channel] for channel in picture.channels]),
    )
    path = parts.folder / "figures" / "constellation_grid.png"
    title = "All samples of a frame, at unit power"
    write_figure(
        constellation_grid(gallery, "trajectory", snr_definition=source.snr_definition, title=title), path
    )
    log.info("constellations by class and SNR: %s", path)
