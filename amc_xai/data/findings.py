"""What :mod:`inspection` saw, in sentences: what would spoil a training, or says that labels don't fit signals."""

import numpy as np

from amc_xai.data.contracts import FrameSource
from amc_xai.data.inspection import DECADES, LEAST_DECADE, STEPS, FrameStatistics
from amc_xai.data.spectra import contrast_db
from amc_xai.signal.classes import LINEAR

REAL = ("OOK", "4ASK", "8ASK", "BPSK")
COMPLEX = tuple(name for name in LINEAR if name not in REAL)
CONSTANT = ("FM", "GMSK", "GFSK", "CPFSK", "WBFM")
# Share of a frame's power in the strongest line of its square: above for real constellations, below for others.
LINE_BOUNDARY = 0.5
# Variance of the power over its mean squared: below for a constant envelope, given so much contrast to noise.
ENVELOPE_BOUNDARY, CLEAR_DB = 0.5, 15.0
# Classes at one SNR whose typical amplitudes differ by more than this factor can be told apart by it.
TELLING_AMPLITUDE = 1.2
# The largest number of a converter of 32 bits; what is beyond it was no sample.
ABSURD = 2.0**32
# Magnitudes in one source spread over so many decades are bytes read as another type than they were written.
WIDE_DECADES = 8
# A mean value that stays: louder than this under the signal, and so much stronger than chance would leave.
DC_DB, DC_OVER_CHANCE, LEAST_FRAMES = -30.0, 10.0, 8
QUIET = 0.1  # of the amplitude that a tenth of the frames has or exceeds
FLAT_DB, FULL_BAND = 1.5, 3.0
NAMED = 10


def warnings_about(source: FrameSource, statistics: FrameStatistics) -> list[str]:
    """Sentences on what would spoil a training, if anything."""
    return [
        *faults_of_frames(statistics),
        *faults_of_values(statistics),
        *faults_of_power(source, statistics),
        *faults_of_labels(source, statistics),
    ]


def listed(which: np.ndarray) -> str:
    """The first of these frames by number."""
    return ", ".join(str(k) for k in which[:NAMED]) + (", ..." if len(which) > NAMED else "")


def faults_of_frames(statistics: FrameStatistics) -> list[str]:
    """Frames that can't be read, hold nothing, or hold what another does."""
    return [
        f"{len(which)} frames {what}: {listed(which)}"
        for which, what in (
            (np.flatnonzero(~statistics.finite), f"can't be used (of the first: {statistics.reason})"),
            (np.flatnonzero(statistics.dead), "hold nothing but zeros"),
            (statistics.copies, "hold the same samples as one before them"),
        )
        if len(which)
    ]


def faults_of_values(statistics: FrameStatistics) -> list[str]:
    """Values that no receiver gives, and those that one gives at the end of its range."""
    said = []
    absurd = np.flatnonzero(statistics.largest > ABSURD)
    if len(absurd):
        worst = int(statistics.largest.argmax())
        said.append(
            f"{len(absurd)} frames hold samples beyond {ABSURD:.3g} (up to {statistics.largest[worst]:.3g}, in "
            f"frame {worst}), which no converter gives: were they written as another type than they are read as?"
        )
    low, high = decades(statistics.values)
    if not len(absurd) and high - low > WIDE_DECADES:
        said.append(
            f"the samples spread over {high - low:.0f} decades (1 % lie below {10**low:.1g}, 1 % above "
            f"{10**high:.1g}): this is how bytes look that were written as another type than they are read as"
        )
    clipped = np.flatnonzero(statistics.clipped)
    if len(clipped):
        share = 100 * float(np.median(statistics.clipped[clipped]))
        said.append(
            f"{len(clipped)} frames look clipped, with {share:.2g} % of their values in the median at an end of "
            f"the range: the receiver's gain was too high: {listed(clipped)}"
        )
    coarse = np.flatnonzero(statistics.levels)
    if len(coarse):
        said.append(
            f"I and Q of {len(coarse)} frames take {statistics.levels[coarse].max()} values at most: a converter "
            f"that was hardly driven, or pure levels without noise: {listed(coarse)}"
        )
    return said


def decades(counts: np.ndarray) -> tuple[float, float]:
    """The powers of ten below and above which one in a hundred magnitudes lies; equal where there are none."""
    total = np.cumsum(counts)
    if not total[-1]:
        return 0.0, 0.0
    low, high = (np.searchsorted(total, share * total[-1]) for share in (0.01, 0.99))
    return LEAST_DECADE + low / STEPS, min(LEAST_DECADE + (high + 1) / STEPS, LEAST_DECADE + DECADES)


def faults_of_power(source: FrameSource, statistics: FrameStatistics) -> list[str]:
    """A mean value that stays from frame to frame, and frames without labels in which next to nothing is."""
    said = []
    alive = statistics.alive
    steady = steady_dc(statistics.dc[alive])
    if steady is not None and 10 * np.log10(steady) > DC_DB:
        said.append(
            f"the same mean value lies {-10 * np.log10(steady):.0f} dB under the power of all frames: a "
            "receiver's DC (representation.dc=remove takes it out), or a carrier that always has one phase"
        )
    loud = float(np.quantile(statistics.rms[alive], 0.9)) if alive.any() else 0.0
    quiet = np.flatnonzero(statistics.finite & (source.modulation_index < 0) & (statistics.rms < QUIET * loud))
    if len(quiet):
        said.append(
            f"{len(quiet)} frames without a label lie {-20 * np.log10(QUIET):.0f} dB or more under the loudest "
            f"tenth: nobody seems to transmit there: {listed(quiet)}"
        )
    return said


def steady_dc(dc: np.ndarray) -> float | None:
    """The power of what frames have in common as their mean, over their own; None where it may be chance."""
    if len(dc) < LEAST_FRAMES:
        return None
    common = float(abs(dc.mean()) ** 2)
    by_chance = float((abs(dc - dc.mean()) ** 2).mean()) / len(dc)
    return common if common > DC_OVER_CHANCE * by_chance and common > 0 else None


def faults_of_labels(source: FrameSource, statistics: FrameStatistics) -> list[str]:
    """Classes that don't look like themselves at the highest SNR, or give themselves away; SNRs out of order."""
    said, strange, flat, typical = [], [], [], {}
    alive = statistics.alive & (source.modulation_index >= 0)
    top = None
    if source.snrs and (source.snr_index >= 0).any():
        # At the highest SNR that frames are labelled with, the classes show best.
        top = int(np.argmax(source.snrs))
        alive &= source.snr_index == top
    for m, name in enumerate(source.modulations):
        here = alive & (source.modulation_index == m)
        if not here.any():
            continue
        typical[name] = float(np.median(statistics.rms[here]))
        spectrum = statistics.spectra[m].sum(0) if top is None else statistics.spectra[m, top]
        contrast = contrast_db(spectrum)
        line, variation = (float(np.median(x[here])) for x in (statistics.line, statistics.variation))
        if (source.samples_per_symbol or 0) >= FULL_BAND and contrast < FLAT_DB:
            flat.append(name)
        elif (name in REAL and line < LINE_BOUNDARY) or (name in COMPLEX and line > LINE_BOUNDARY):
            strange.append(f"{name} looks like a {'complex' if name in REAL else 'real'} constellation")
        elif name in CONSTANT and variation > ENVELOPE_BOUNDARY and contrast > CLEAR_DB:
            strange.append(f"{name} has no constant envelope")
    if strange:
        said.append(
            "the class order looks permuted, or the frames are nearly noise: at the highest SNR "
            f"{'; '.join(strange)}"
        )
    if flat:
        said.append(f"at the highest SNR these classes look like white noise and nothing else: {', '.join(flat)}")
    if typical and max(typical.values()) > TELLING_AMPLITUDE * min(typical.values()):
        low, high = min(typical, key=typical.get), max(typical, key=typical.get)
        said.append(
            f"the amplitude gives classes away: at the highest SNR the typical RMS is {typical[low]:.3g} for "
            f"{low} and {typical[high]:.3g} for {high}; keep representation.power_normalise=true"
        )
    return said + faults_of_snrs(source.snrs, statistics.spectra)


def contrasts_by_snr(spectra: np.ndarray) -> list[float | None]:
    """The contrast of all frames of each SNR in dB; None where there is none."""
    sums = spectra[:, :-1].sum(0)
    return [contrast_db(row) if row.any() else None for row in sums]


def faults_of_snrs(snrs: list[float], spectra: np.ndarray) -> list[str]:
    """Whether the noise beside the signals falls as SNR labels rise."""
    told = [(snr, c) for snr, c in zip(snrs, contrasts_by_snr(spectra), strict=True) if c is not None]
    if len(told) < 3:
        return []
    labels, contrast = (np.asarray(column) for column in zip(*told, strict=True))
    spread = np.ptp(contrast)
    ranks = [np.argsort(np.argsort(column)) for column in (labels, contrast)]
    if spread > 3 and np.corrcoef(*ranks)[0, 1] < 0.5:
        return ["the SNR labels look permuted: the noise beside the signals doesn't fall as they rise"]
    if spread < 1 and np.ptp(labels) >= 10:
        return [
            f"SNR labels from {labels.min():g} to {labels.max():g} stand over frames whose noise beside the "
            "signal is the same: a filter took it away, or the labels say something else"
        ]
    return []
