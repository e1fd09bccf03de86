"""From what was read of a source to the files that ``task=inspect`` leaves."""

from typing import Any

import numpy as np

from amc_xai.data import FrameSource
from amc_xai.data.findings import contrasts_by_snr
from amc_xai.data.inspection import DECADES, LEAST_DECADE, STEPS, FrameStatistics, cell_counts
from amc_xai.data.spectra import contrast_db, frequencies, occupied_band
from amc_xai.data.stretches import is_cut, number_of_recording, spectrogram, stretches_of
from amc_xai.report.inspection_files import Inspection, RecordingPicture
from amc_xai.tasks.symbol_rates import RateReading

# Recordings that a spectrogram is drawn of, those with the most frames, and those with a row in the table.
PICTURES, ROWS = 6, 200


def assembled(
    source: FrameSource,
    statistics: FrameStatistics,
    rates_of_classes: dict[str, RateReading],
    rates_of_recordings: dict[int, RateReading],
    said: list[str],
    meaning: str,
    offsets: dict[str, float | None],
) -> Inspection:
    """All that an inspection shows; ``said`` are its warnings, ``meaning`` that of SNR labels in words."""
    rms = np.where(statistics.finite, statistics.rms, np.nan)
    names, spectra = spectra_by_class(source, statistics)
    by_class = []
    for m, name in enumerate(source.modulations):
        row = power_row(rms, source.modulation_index == m) | {"es_n0_offset_db": offsets[name]}
        by_class.append(
            {"modulation": name} | row | band_of(name, names, spectra) | rate_of(rates_of_classes, name)
        )
    unlabelled = None
    if (source.modulation_index < 0).any():
        row = power_row(rms, source.modulation_index < 0)
        unlabelled = (
            {"modulation": None} | row | band_of("no label", names, spectra) | rate_of(rates_of_classes, "")
        )
    contrasts = contrasts_by_snr(statistics.spectra)
    by_snr = [
        {"snr": float(snr)} | power_row(rms, source.snr_index == s) | {"contrast_db": contrasts[s]}
        for s, snr in enumerate(source.snrs)
    ]
    lows, highs = statistics.low[statistics.finite], statistics.high[statistics.finite]
    about = {
        "frames": len(rms), "frame_length": source.frame_length, "sample_rate": source.sample_rate,
        "samples_per_symbol": source.samples_per_symbol, "snrs": [float(s) for s in source.snrs],
        "snr_definition": source.snr_definition, "snr_meaning": meaning,
        "unknown": int(((source.modulation_index < 0) | (source.snr_index < 0)).sum()),
        "frames_by_cell": cell_counts(source).tolist(), "by_class": by_class, "unlabelled": unlabelled,
        "by_snr": by_snr, "by_recording": by_recording(source, rms, rates_of_recordings),
        "values": {"low": float(lows.min()), "high": float(highs.max())}
        if len(lows)
        else {"low": 0.0, "high": 0.0},
        "not_finite": np.flatnonzero(~statistics.finite).tolist(),
        "dead": np.flatnonzero(statistics.dead).tolist(), "copies": statistics.copies.tolist(),
        "clipped": np.flatnonzero(statistics.clipped).tolist(), "warnings": said,
    }  # fmt: skip
    edges = LEAST_DECADE + np.arange(DECADES * STEPS + 1) / STEPS
    return Inspection(
        about, rms, np.asarray(source.modulation_index, np.int64), edges, statistics.values,
        frequencies(spectra.shape[1]), spectra, np.asarray(names, dtype=np.str_),
        pictures_of(source, statistics, rms),
    )  # fmt: skip


def power_row(rms: np.ndarray, mine: np.ndarray) -> dict[str, Any]:
    """Frames, the median of their RMS, and what nine tenths of them lie between; None where there is none."""
    here = rms[mine & np.isfinite(rms)]
    low, middle, high = np.quantile(here, [0.05, 0.5, 0.95]).tolist() if len(here) else [None] * 3
    return {"frames": int(mine.sum()), "rms": middle, "rms_low": low, "rms_high": high}


def spectra_by_class(source: FrameSource, statistics: FrameStatistics) -> tuple[list[str], np.ndarray]:
    """The mean spectrum (C, F) of each class at the highest SNR that it has; of frames without a label as well."""
    names, found = [], []
    # The column of unknown SNRs is asked last.
    order = [*np.argsort(source.snrs)[::-1].astype(int), len(source.snrs)]
    for m, name in enumerate([*source.modulations, "no label"]):
        levels = [s for s in order if statistics.spectra[m, s].any()]
        if levels:
            names.append(name)
            found.append(statistics.spectra[m, levels[0]])
    bins = statistics.spectra.shape[2]
    return names, np.array([line / line.mean() for line in found]).reshape(-1, bins)


def band_of(name: str, names: list[str], spectra: np.ndarray) -> dict[str, float | None]:
    """Middle and width of a class's occupied band in cycles a sample, and its contrast."""
    if name not in names:
        return {"band_centre": None, "band_width": None, "contrast_db": None}
    spectrum = spectra[names.index(name)]
    band = occupied_band(spectrum)
    centre, width = (None, None) if band is None else band
    return {"band_centre": centre, "band_width": width, "contrast_db": contrast_db(spectrum)}


def rate_of(rates: dict, key: str | int) -> dict[str, Any]:
    """The fields of a reading; None where there is none."""
    reading = rates.get(key)
    if reading is None:
        return {"samples_per_symbol": None, "told": False}
    return {
        "samples_per_symbol": reading.samples_per_symbol, "told": reading.told, "agree": reading.agree,
        "sure": reading.sure, "looks": reading.looks,
    }  # fmt: skip


def name_of(source: FrameSource, recording: int) -> str:
    """The file that a recording is, where the source tells."""
    names = getattr(source, "names", None)
    return str(names[recording]) if names is not None else f"recording {recording}"


def by_recording(source: FrameSource, rms: np.ndarray, rates: dict[int, RateReading]) -> list[dict[str, Any]]:
    """A row for each of the first ``ROWS`` recordings of a source that is cut from such."""
    if not is_cut(source):
        return []
    rows = []
    number, start = number_of_recording(source), source.origin.start
    for recording in np.unique(number)[:ROWS]:
        mine = number == recording
        row = {"recording": name_of(source, int(recording)), "start": int(start[mine].min())}
        row |= {"stop": int(start[mine].max()) + source.origin.length}
        rows.append(row | power_row(rms, mine) | rate_of(rates, int(recording)))
    return rows


def pictures_of(source: FrameSource, statistics: FrameStatistics, rms: np.ndarray) -> list[RecordingPicture]:
    """Spectrograms of the recordings with the most frames, with the label of each cut."""
    if not is_cut(source):
        return []
    number = number_of_recording(source)
    recordings, frames = np.unique(number, return_counts=True)
    chosen = np.sort(recordings[np.argsort(-frames, kind="stable")[:PICTURES]])
    pictures = []
    for recording in chosen.tolist():
        mine = np.flatnonzero(number == recording)
        if not statistics.alive[mine].any():
            continue
        shown = spectrogram(source, mine, rms)
        cuts = cuts_of(source, mine)
        columns = [np.asarray(column) for column in zip(*cuts, strict=True)]
        pictures.append(RecordingPicture(name_of(source, recording), shown.power, shown.edges, *columns))
    return pictures


def cuts_of(source: FrameSource, frames: np.ndarray) -> list[tuple[int, int, str]]:
    """First sample, the one after the last, and label of each run of touching frames of one label."""
    names = [*source.modulations, ""]
    cuts = []
    for m in np.unique(source.modulation_index[frames]):
        keep = np.zeros(len(source.modulation_index), bool)
        keep[frames[source.modulation_index[frames] == m]] = True
        cuts += [(int(s.start[0]), s.stop, names[m]) for s in stretches_of(source, keep)]
    return sorted(cuts)
