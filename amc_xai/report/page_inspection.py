"""What ``task=inspect`` found, as parts of ``report.html``."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from amc_xai.report.page_parts import DASH, number, section, table
from amc_xai.report.style import decibels, snr_label

Row = Mapping[str, Any]


def before_figures(about: Row) -> list[str]:
    """What to look at first, and what the source holds."""
    first = section("What to look at first", _warnings(about["warnings"]))
    return [first, section("What it holds", _facts(about))]


def after_figures(about: Row) -> list[str]:
    """The tables by class, SNR and recording; those of which there is nothing are left out."""
    rows = [*about["by_class"], *([about["unlabelled"]] if about.get("unlabelled") else [])]
    return [
        section("By class", _by_class(rows, about) if rows else ""),
        section("By SNR", _by_snr(about) if about["by_snr"] else ""),
        section("By recording", _by_recording(about["by_recording"], about) if about["by_recording"] else ""),
    ]


def _facts(about: Row) -> str:
    values = about["values"]
    cells = [count for row in about["frames_by_cell"] for count in row]
    classes = ", ".join(row["modulation"] for row in about["by_class"])
    rows = [
        ["Frames", f"{about['frames']:,} of {about['frame_length']:,} samples"],
        ["Classes", f"{len(about['by_class'])}: {classes}" if classes else "none"],
        ["SNR labels", f"{', '.join(map(decibels, about['snrs'])) or 'none'}; {about['snr_meaning']}"],
        ["Frames of each class at each SNR", f"{min(cells):,} to {max(cells):,}" if cells else DASH],
        ["Frames with an unknown label", f"{about['unknown']:,}"],
        ["Sample rate", f"{about['sample_rate']:,.10g} Hz" if about.get("sample_rate") else "not known"],
        ["Samples a symbol, as stated", _general(about.get("samples_per_symbol"))],
        ["I and Q", f"from {_general(values['low'])} to {_general(values['high'])}"],
        *(
            [what, f"{len(about[name]):,}"]
            for what, name in (
                ("Frames of zeros", "dead"), ("Frames that can't be used", "not_finite"),
                ("Frames that are copies", "copies"), ("Frames that look clipped", "clipped"),
            )
        ),
    ]  # fmt: skip
    return table(["", ""], [[what, value] for what, value in rows], text_columns=2)


def _warnings(said: Sequence[str]) -> str:
    if not said:
        return "<p>Nothing stands out.</p>"
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in said)}</ul>"


def _general(value: float | None) -> str:
    return DASH if value is None else f"{value:.5g}".replace("-", "\N{MINUS SIGN}")


def _power(row: Row) -> list[str]:
    """Median power and its range in dB."""
    if not row.get("rms"):
        return [DASH, DASH]
    low, middle, high = (20 * math.log10(max(row[name], 1e-300)) for name in ("rms_low", "rms", "rms_high"))
    return [number(middle, 1), f"{number(low, 1)} to {number(high, 1)}"]


def _rate(row: Row) -> list[str]:
    """Samples a symbol as the signals tell them, and how far that can be relied on."""
    if row.get("samples_per_symbol") is None:
        return [DASH, DASH]
    if row["looks"] == 1:
        trust = "sure" if row["sure"] else "not sure"
    else:
        trust = f"{100 * row['agree']:.0f} % of {row['looks']} agree, {row['sure']} sure"
    return [f"{row['samples_per_symbol']:.4g}" if row["told"] else f"({row['samples_per_symbol']:.4g})", trust]


def _band(row: Row, rate: float | None) -> list[str]:
    """Where the occupied band lies, in cycles a sample or in kHz."""
    if row.get("band_width") is None:
        return [DASH, DASH]
    scale, places = (rate / 1e3, 2) if rate else (1.0, 3)
    return [number(row["band_centre"] * scale, places), number(row["band_width"] * scale, places)]


RATE_NOTE = (
    "<p>Samples a symbol are estimated from the signals alone, between 2 and 16 (of recordings up to 400); a "
    "number in brackets is a guess. The band holds 99 % of the power above the noise floor, at the highest SNR; "
    "contrast is the power over that of the floor.</p>"
)


def _by_class(rows: Sequence[Row], about: Row) -> str:
    rate = about.get("sample_rate")
    unit = "kHz" if rate else "cycles a sample"
    header = [
        "Class", "Frames", "Power (dB)", "Nine tenths (dB)", f"Band's middle ({unit})", f"Band's width ({unit})",
        "Contrast (dB)", "Samples a symbol", "How sure",
    ]  # fmt: skip
    body = [
        [
            row["modulation"] or "no label", f"{row['frames']:,}", *_power(row), *_band(row, rate),
            number(row.get("contrast_db"), 1), *_rate(row),
        ]
        for row in rows
    ]  # fmt: skip
    return RATE_NOTE + table(header, body)


def _by_snr(about: Row) -> str:
    header = [snr_label(about["snr_definition"]), "Frames", "Power (dB)", "Nine tenths (dB)", "Contrast (dB)"]
    rows = [
        [decibels(row["snr"]), f"{row['frames']:,}", *_power(row), number(row.get("contrast_db"), 1)]
        for row in about["by_snr"]
    ]
    return table(header, rows)


def _by_recording(rows: Sequence[Row], about: Row) -> str:
    rate = about.get("sample_rate")
    header = [
        "Recording", "Frames", f"From ({'s' if rate else 'sample'})", "To", "Power (dB)", "Nine tenths (dB)",
        "Samples a symbol", "How sure",
    ]  # fmt: skip

    def place(sample: int) -> str:
        return f"{sample / rate:.4g}" if rate else f"{sample:,}"

    body = [
        [
            row["recording"], f"{row['frames']:,}", place(row["start"]), place(row["stop"]), *_power(row),
            *_rate(row),
        ]
        for row in rows
    ]  # fmt: skip
    return table(header, body)
