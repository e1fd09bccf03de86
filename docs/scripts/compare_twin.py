"""The table of docs/radioml_twin.md: true RadioML 2018.01A frames beside the twin's, measured alike.

    python docs/scripts/compare_twin.py FOLDER

FOLDER is a split store of frames of RadioML 2018.01A (``<modulation>/SNR_<label>/<modulation>_SNR_<label>.h5``;
the original file becomes one with task=convert). BPSK frames are needed; of other classes the amplitude is
measured where they are there.
"""

import math
import sys
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from amc_xai.__main__ import config_folder
from amc_xai.data import SplitHdf5, Synthetic
from amc_xai.signal.pulses import pulse_spectrum

SPS = 8
AT = (0.0, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)  # cycles a symbol
PERIOD = 12  # symbols over which a pulse is estimated
CLASSES = ("BPSK", "QPSK", "4ASK", "8ASK", "OOK", "16QAM")


def twin_like(true: SplitHdf5) -> Synthetic:
    """The twin's frames of the same classes, label and length."""
    with initialize_config_dir(config_folder()):
        options = OmegaConf.to_container(compose("config", ["dataset=radioml_twin"]).dataset, resolve=True)
    keys = ("samples_per_symbol", "channel", "seed")
    return Synthetic(
        true.modulations, true.snrs, frames_per_cell=256, frame_length=true.frame_length,
        **{key: options[key] for key in keys},
    )  # fmt: skip


def frames_of(source, name: str, snr: float) -> np.ndarray:
    """Complex (n, L) frames of one cell, in double precision."""
    here = (source.modulation_index == source.modulations.index(name)) & (
        source.snr_index == source.snrs.index(snr)
    )
    iq = source.read(np.flatnonzero(here)[:512]).double().numpy()
    return iq[:, 0] + 1j * iq[:, 1]


def blackman_harris(length: int) -> np.ndarray:
    turns = 2 * np.pi * np.arange(length) / length
    return 0.35875 - 0.48829 * np.cos(turns) + 0.14128 * np.cos(2 * turns) - 0.01168 * np.cos(3 * turns)


def density(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(frequency in cycles a sample, mean power density), read through a Blackman-Harris window."""
    window = blackman_harris(frames.shape[1])
    power = np.abs(np.fft.fft(frames * window, axis=1)) ** 2 / (window**2).sum()
    return np.fft.fftfreq(frames.shape[1]), power.mean(0)


def floor(frames: np.ndarray, low: float, high: float) -> float:
    """Power density in dB between two frequencies in cycles a sample, either side."""
    frequency, power = density(frames)
    return 10 * math.log10(power[(np.abs(frequency) >= low) & (np.abs(frequency) < high)].mean())


def carriers(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Carrier offset (cycles a sample) and phase of BPSK frames, by the line of their squares."""
    length, points = frames.shape[1], 1 << 18
    square = frames**2
    spectrum = np.abs(np.fft.fft(square * blackman_harris(length), points, axis=1))
    offset = np.fft.fftfreq(points)[spectrum.argmax(1)] / 2
    turn = np.exp(-4j * np.pi * offset[:, None] * np.arange(length))
    return offset, np.angle((square * turn).sum(1)) / 2


def upright(frames: np.ndarray) -> np.ndarray:
    """BPSK frames (n, L) without their carrier; the signal is the real part, the imaginary one is noise."""
    offset, phase = carriers(frames)
    return frames * np.exp(-1j * (2 * np.pi * offset[:, None] * np.arange(frames.shape[1]) + phase[:, None]))


def pulse_of(signal: np.ndarray) -> tuple[np.ndarray, float]:
    """Magnitude of the pulse over frequency (at ``AT``, 1 at 0), and what it leaves unexplained in dB.

    One pulse for all frames, real (n, L), by least squares over its Fourier series. Instants come from the line
    of the squared signal at the symbol rate, symbols from the signs there; frames whose signs are in doubt (a
    level below half the usual) or that the first pulse doesn't explain are left out.
    """
    n = np.arange(signal.shape[1])
    line = (signal**2 * np.exp(-2j * np.pi * n / SPS)).sum(1)
    first = -np.angle(line) * SPS / (2 * np.pi) % SPS
    count = (signal.shape[1] - SPS) // SPS
    instants = first[:, None] + SPS * np.arange(count)
    level = np.stack([np.interp(at, n, row) for at, row in zip(instants, signal, strict=True)])
    keep = np.abs(level).min(1) > 0.5 * np.median(np.abs(level))
    signs, time, signal = np.sign(level[keep]), (n - first[keep, None]) / SPS, signal[keep]
    inner = slice(4 * SPS, signal.shape[1] - 4 * SPS)

    def rows(places: np.ndarray) -> np.ndarray:
        away = time[places][:, inner, None] - np.arange(count)
        away = np.where(np.abs(away) <= PERIOD / 2, away, np.nan)
        parts = [away * 0 + 1]
        for k in range(1, PERIOD):
            parts += [np.cos(2 * np.pi * k * away / PERIOD), np.sin(2 * np.pi * k * away / PERIOD)]
        return np.stack(
            [np.einsum("btk,bk->bt", np.nan_to_num(p * np.isfinite(away)), signs[places]) for p in parts], -1
        )

    chosen = np.arange(len(signal))
    for _ in range(2):
        table, seen = rows(chosen), signal[chosen][:, inner]
        series = np.linalg.lstsq(table.reshape(-1, table.shape[-1]), seen.reshape(-1), rcond=None)[0]
        left = ((seen - table @ series) ** 2).mean(1) / (seen**2).mean(1)
        chosen = chosen[left < 4 * np.median(left)]
    time_grid = np.linspace(-PERIOD / 2, PERIOD / 2, 2401)
    shape = np.full_like(time_grid, series[0])
    for k in range(1, PERIOD):
        turn = 2 * np.pi * k * time_grid / PERIOD
        shape += series[2 * k - 1] * np.cos(turn) + series[2 * k] * np.sin(turn)
    magnitude = np.array([abs(np.trapezoid(shape * np.exp(-2j * np.pi * f * time_grid), time_grid)) for f in AT])
    return magnitude / magnitude[0], 10 * math.log10(np.median(left))


def measured(source, snr: float) -> dict[str, str]:
    """Each property of the frames at one label, in words."""
    values = {}
    for name in (c for c in CLASSES if c in source.modulations):
        power = (np.abs(frames_of(source, name, snr)) ** 2).mean(1)
        values[f"amplitude, {name} (median RMS)"] = f"{np.median(np.sqrt(power)):.3f}"
    frames = frames_of(source, "BPSK", snr)
    for low, high in ((0.14, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5)):
        values[f"floor at {low:g} to {high:g} cycles a sample (dB a sample)"] = f"{floor(frames, low, high):.1f}"
    turned = upright(frames)
    across = np.median((turned.imag**2).mean(1) / (turned.real**2).mean(1))
    values["BPSK: part in quadrature under that in phase (dB)"] = f"{10 * math.log10(across):.1f}"
    low, high = np.percentile(carriers(frames)[0], [1, 99])
    values["carrier offset, 1 to 99 % (1e-5 cycles a sample)"] = f"{1e5 * low:.1f} to {1e5 * high:.1f}"
    magnitude, left = pulse_of(turned.real)
    for at, found in zip(AT[2:], magnitude[2:], strict=True):
        values[f"pulse at {at:g} cycles a symbol"] = f"{found:.2f}"
    values["what one pulse leaves unexplained (dB, median frame)"] = f"{left:.1f}"
    line = (np.abs(frames) ** 2 * np.exp(-2j * np.pi * np.arange(frames.shape[1]) / SPS)).sum(1)
    spread = np.histogram(-np.angle(line), 4)[0] / len(frames)
    values["first symbol instant, share by quarter of a symbol"] = ", ".join(f"{s:.2f}" for s in spread)
    return values


def main(folder: str) -> None:
    true = SplitHdf5(folder, samples_per_symbol=SPS, snr_definition="radioml2018")
    twin = twin_like(true)
    for snr in true.snrs:
        rows = [measured(source, snr) for source in (true, twin)]
        print(f"| at label {snr:g} | true frames | twin |\n|---|---|---|")
        for key in rows[0]:
            print(f"| {key} | {rows[0][key]} | {rows[1][key]} |")
    cosine = pulse_spectrum("raised_cosine", torch.tensor(AT), 0.3)
    print("raised cosine of roll-off .3 at the same frequencies:", ", ".join(f"{v:.2f}" for v in cosine[2:]))


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    main(sys.argv[1])
