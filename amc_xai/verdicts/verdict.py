"""One answer to one emission."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from amc_xai.verdicts.calibration import Calibration
from amc_xai.verdicts.frames import NOT_TOLD, EmissionFrames, Heard
from amc_xai.verdicts.scope import judge

TOP = 3


@dataclass(frozen=True)
class Verdict:
    """What one emission is.

    Attributes:
        recording: its name.
        start: its first sample, ``stop`` the first after it.
        frames: that were asked about it.
        modulation: None where it is out of scope, and its ``probability`` too.
        top: the most probable three of the classes, each with its probability.
        snr_db: with ``snr_low`` and ``snr_high``, between which it lies in 95 % of such emissions.
        samples_per_symbol: None = nothing tells them; ``told``: ``given``, ``estimated`` or ``not told``.
        symbol_rate: in symbols a second, where the sample rate is known.
        out_of_scope: why it is none of the classes, or None.
    """

    recording: str
    start: int
    stop: int
    frames: int
    modulation: str | None
    probability: float | None
    top: list[tuple[str, float]]
    snr_db: float
    snr_low: float
    snr_high: float
    samples_per_symbol: float | None
    symbol_rate: float | None
    out_of_scope: str | None
    told: str = NOT_TOLD

    def as_dict(self) -> dict[str, Any]:
        """As a line of ``verdicts.jsonl`` has it."""
        line = asdict(self) | {"top": [[name, round(share, 4)] for name, share in self.top]}
        del line["told"]
        return line

    def __str__(self) -> str:
        where = f"{self.recording}, samples {self.start:,} to {self.stop:,}: "
        level = f"SNR {self.snr_db:.0f} dB ({self.snr_low:.0f} to {self.snr_high:.0f})"
        symbols = "samples a symbol not told"
        if self.samples_per_symbol is not None:
            symbols = f"{self.samples_per_symbol:.4g} samples a symbol ({self.told})"
            if self.symbol_rate is not None:
                symbols += f", {self.symbol_rate:,.0f} symbols a second"
        counted = f"{self.frames} frame{'s' if self.frames != 1 else ''}"
        if self.out_of_scope is not None:
            return f"{where}out of scope: {self.out_of_scope}; {counted}"
        others = ", ".join(f"{name} {in_percent(share)}" for name, share in self.top[1:] if share >= 0.005)
        said = f"{self.modulation}, {in_percent(self.probability)}" + (f" (then {others})" if others else "")
        return f"{where}{said}; {level}; {symbols}; {counted}"


def in_percent(share: float) -> str:
    """A probability in words; never a certainty."""
    return "over 99 %" if share > 0.99 else f"{100 * share:.0f} %"


def verdict_of(
    heard: Heard,
    modulation: np.ndarray,
    snr: np.ndarray,
    modulations: Sequence[str],
    snrs: Sequence[float],
    calibration: Calibration,
    recording: str,
    sample_rate: float | None = None,
) -> Verdict:
    """The verdict on an emission whose frames have these probabilities, (n, M) and (n, S)."""
    emission, rate = heard.emission, heard.samples_per_symbol
    scope = judge(
        calibration.modulation(modulation), list(modulations), heard.look, rate is not None,
        len(emission.frames) * emission.stretch.length,
    )  # fmt: skip
    order = np.argsort(-scope.probability, kind="stable")[:TOP]
    top = [(modulations[k], float(scope.probability[k])) for k in order]
    mean, low, high = calibration.snr(snr, np.asarray(snrs, dtype=np.float64))
    named, share = top[0] if scope.reason is None else (None, None)
    return Verdict(
        recording, emission.start, emission.stop, len(modulation), named, share, top, mean, low, high, rate,
        None if rate is None or sample_rate is None else sample_rate / rate, scope.reason, heard.told,
    )  # fmt: skip


def verdicts_of(
    frames: EmissionFrames,
    modulation: np.ndarray,
    snr: np.ndarray,
    modulations: Sequence[str],
    snrs: Sequence[float],
    calibration: Calibration,
    names: Sequence[str],
    sample_rates: Sequence[float | None],
) -> list[Verdict]:
    """The verdicts on all emissions, in their order.

    Args:
        frames: whose probabilities are ``modulation`` (N, M) and ``snr`` (N, S).
        modulations, snrs: the network's classes.
        calibration: of the network.
        names, sample_rates: of the recordings.
    """
    found = []
    for number, heard in enumerate(frames.heard):
        mine, recording = frames.emission == number, heard.emission.recording
        found.append(
            verdict_of(
                heard,
                modulation[mine],
                snr[mine],
                modulations,
                snrs,
                calibration,
                names[recording],
                sample_rates[recording],
            )
        )
    return found
