"""The sample rate of recordings: what headers say, what the user says, and what names of files may say."""

import logging
import re
from pathlib import Path

from amc_xai.data.recordings.recording import Recording
from amc_xai.errors import UserError

log = logging.getLogger(__name__)
PREFIXES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6}
# A number, a prefix, a unit: _250k, _2.4Msps, _1050kHz. Programs name the carrier so too, as 868.3M.
NAMED = re.compile(r"(?<![\w.])(\d{1,12}(?:\.\d{1,9})?)([kKM]?)([sS][pP][sS]|S|[hH][zZ])?(?![A-Za-z0-9])")
GQRX = re.compile(r"gqrx_\d{8}_\d{6}_\d{1,12}_(\d{1,12})_fc")
# HDSDR, SDR# and SDRuno name the carrier, and say the rate in the header.
CARRIER_NAMED = re.compile(r"_(RF|IF|IQ)$")
# Of Hz with a mega before it, more than this is a carrier: no usual receiver samples so fast.
MOST_MEGA = 62e6


def named_rate(path: Path, guess: bool = True) -> float | None:
    """The sample rate in Hz that a file's name seems to tell, or None; with ``guess`` even a likely carrier."""
    if found := GQRX.fullmatch(path.stem):
        return float(found[1])
    sure, likely, maybe = [], [], []
    for digits, prefix, unit in NAMED.findall(path.stem.replace("_", " ")):
        rate = float(digits) * PREFIXES[prefix]
        if unit.lower() == "sps" or (unit == "S" and prefix):
            sure.append(rate)
        elif prefix in ("k", "K") and not CARRIER_NAMED.search(path.stem):
            likely.append(rate)
        elif prefix == "M" and rate <= MOST_MEGA and guess:
            maybe.append(rate)
    told = sure or likely or maybe
    return told[-1] if told and told[-1] > 0 else None


def common_rate(
    recordings: list[Recording], given: float | None, samples_per_symbol: float | None
) -> float | None:
    """The sample rate of all recordings in Hz; None where nobody tells it, or where it isn't one.

    ``given`` wins over headers. What names of files tell is offered in the log, and never taken.

    Raises:
        UserError: if rates differ, and all recordings are said to have the same samples a symbol.
    """
    told = {r.sample_rate: r.path for r in recordings if r.sample_rate is not None}
    if given is not None:
        others = {rate: path for rate, path in told.items() if rate != given}
        if others:
            rate, path = next(iter(others.items()))
            count = sum(r.sample_rate in others for r in recordings)
            log.warning(
                "dataset.sample_rate=%.12g wins over the headers of %d recordings (%s says %.12g Hz)",
                given, count, path, rate,
            )  # fmt: skip
        for recording in recordings:
            recording.sample_rate = float(given)
        return float(given)
    offer_named(recordings)
    if len(told) > 1:
        (one, first), (other, second) = list(told.items())[:2]
        differ = f"{first} has {one:.12g} Hz but {second} has {other:.12g} Hz"
        if samples_per_symbol is not None:
            raise UserError(
                f"dataset.samples_per_symbol={samples_per_symbol:g} can't hold of all: {differ}; resample "
                "them to one rate, or say dataset.samples_per_symbol=null (not known), or where the headers are "
                "wrong dataset.sample_rate"
            )
        log.warning("%s: the sample rate is not one number, and frames are taken as they are", differ)
        return None
    untold = [r.path for r in recordings if r.sample_rate is None]
    if told and untold:
        log.warning(
            "%d recordings say no sample rate, such as %s; taken as that of the others", len(untold), untold[0]
        )
    return next(iter(told), None)


def offer_named(recordings: list[Recording]) -> None:
    """Say in the log what names of files tell about rates where headers don't, or say otherwise."""
    silent, wrong = {}, {}
    for recording in recordings:
        named = named_rate(recording.path, guess=recording.sample_rate is None)
        if named is not None and named != recording.sample_rate:
            (silent if recording.sample_rate is None else wrong)[recording.path] = (named, recording.sample_rate)
    for path, (named, _) in list(silent.items())[:1]:
        log.warning(
            "%s: its name seems to say a sample rate of %.12g Hz%s; it is taken as not known unless you say "
            "dataset.sample_rate=%.12g", path, named, others(silent), named,
        )  # fmt: skip
    for path, (named, header) in list(wrong.items())[:1]:
        log.warning(
            "%s: its header says %.12g Hz, which is taken, and its name seems to say %.12g Hz%s; "
            "dataset.sample_rate=%.12g would win", path, header, named, others(wrong), named,
        )  # fmt: skip


def others(these: dict) -> str:
    """How many more there are than the one that is named."""
    return f" (and those of {len(these) - 1} more theirs)" if len(these) > 1 else ""
