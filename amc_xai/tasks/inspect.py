"""``task=inspect``: what a source holds, and what would spoil a training on it."""

import logging

import numpy as np

from amc_xai.data import Facts, Recordings
from amc_xai.data.findings import warnings_about
from amc_xai.data.inspection import chunks_of, scan
from amc_xai.errors import UserError
from amc_xai.parts import Parts
from amc_xai.progress import progress
from amc_xai.report import Gallery, draw_figures, write_page
from amc_xai.report.constellations import constellation_grid
from amc_xai.report.style import write_figure
from amc_xai.representation import Constellation
from amc_xai.signal.snr import definition_in_words, es_n0_in_words, es_n0_offset_db
from amc_xai.tasks.inspecting import assembled
from amc_xai.tasks.lengths import of_one_length
from amc_xai.tasks.next_step import after_inspection
from amc_xai.tasks.symbol_rates import borne_out, rates_by_class, rates_by_recording, sentences

log = logging.getLogger(__name__)
SHOWN_SNRS, MOST_CLASSES = 8, 100


def run(parts: Parts, name: str = "inspect", needs_checkpoint: bool = False) -> None:
    """Read every frame of ``dataset`` once.

    Leaves ``inspection.json``, ``inspection.npz``, ``figures/`` and ``report.html``.
    """
    source = parts.make["dataset"]()
    if hasattr(source, "image_shape"):
        raise UserError("dataset: task=inspect looks at I/Q frames; images can be looked at as they are")
    chunks = chunks_of(source)
    statistics = scan(source, progress(chunks, "reading frames", 0, len(chunks)))
    by_recording = rates_by_recording(source, statistics.alive)
    by_class = borne_out(rates_by_class(source, statistics), by_recording)
    definition, sps = source.snr_definition, source.samples_per_symbol
    offsets = {name: es_n0_offset_db(definition, name, sps) for name in source.modulations}
    said = [*warnings_about(source, statistics), *sentences(source, by_class, by_recording)]
    found = assembled(source, statistics, by_class, by_recording, said, meaning(source, offsets), offsets)
    found.save(parts.folder)
    log.info("\n%s", in_lines(found.about))
    for sentence in said:
        log.warning("%s", sentence)
    draw(source, statistics.finite, parts)
    draw_figures(parts.folder)
    log.info("open %s", write_page(parts.folder))
    labelled = bool(((source.modulation_index >= 0) & (source.snr_index >= 0)).any())
    after_inspection(parts, labelled, isinstance(source, Recordings))


def in_lines(about: dict) -> str:
    """The log's short table of what a source holds."""
    cells = [count for row in about["frames_by_cell"] for count in row]
    lines = [
        f"{about['frames']} frames of {about['frame_length']} samples, {len(about['by_class'])} classes, "
        f"{len(about['snrs'])} SNRs, {about['unknown']} with an unknown label",
        f"SNR labels: {', '.join(f'{s:g}' for s in about['snrs']) or 'none'}; {about['snr_meaning']}",
        f"frames a cell: {min(cells, default=0)} to {max(cells, default=0)}",
        f"{'class':<12}{'frames':>10}{'median RMS':>14}{'samples a symbol':>20}",
    ]
    for row in [*about["by_class"], *([about["unlabelled"]] if about["unlabelled"] else [])]:
        rms = "-" if row["rms"] is None else f"{row['rms']:.4g}"
        rate = f"{row['samples_per_symbol']:.4g}" if row.get("told") else "-"
        lines.append(f"{row['modulation'] or 'no label':<12}{row['frames']:>10}{rms:>14}{rate:>20}")
    return "\n".join(lines)


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
    for m in range(min(MOST_CLASSES, len(source.modulations))):
        for s in shown:
            here = np.flatnonzero((source.modulation_index == m) & (source.snr_index == s) & readable)
            first += here[:1].tolist()
    if not first:
        return
    chosen = of_one_length(source, np.asarray(first))
    picture = Constellation(Facts.of(source), image_size=64)
    iq = source.read(chosen)
    # Squares of large samples would leave float32's range; the picture has unit power anyway.
    iq = iq / iq.abs().amax((1, 2), keepdim=True).clamp(min=1e-30)
    gallery = Gallery(
        picture(iq).numpy(),
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
