"""What a checkpoint says of true frames: off the air, RadioML 2018.01A's label 30, RML2016.10b. Prints tables.

    python tests/benchmarks/real_frames.py FOLDER CHECKPOINT

FOLDER holds ``off_air/<class>_<name>.cf32`` (8 samples a symbol), ``rml2018_label30/`` (a split store) and
``rml2016.10b*.dat``, as far as they are there; nothing of them belongs to this repository.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

CLASSES = {"bpsk": "BPSK", "qpsk": "QPSK", "8psk": "8PSK", "qam16": "16QAM"}
NAMES_2016 = {"PAM4": "4ASK", "QAM16": "16QAM", "QAM64": "64QAM"}
LENGTH = 1024
LEAST_LABEL = 6
# A frame holds signal if its power is above this share of the file's strongest frames.
SQUELCH = 0.25


class Refused(Exception):
    """The suite's own sentence on why this checkpoint isn't asked about these frames."""


def predicted(checkpoint: Path, *overrides: str) -> dict[str, np.ndarray]:
    """The predictions table of ``task=predict`` with these overrides."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["task=predict", f"checkpoint={checkpoint}", f"hydra.run.dir={folder}", *overrides]
        run = subprocess.run(
            [sys.executable, "-m", "amc_xai", *command], capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise Refused((run.stdout + run.stderr).strip())
        with np.load(Path(folder) / "predictions.npz", allow_pickle=False) as table:
            return dict(table)


def off_air(folder: Path, checkpoint: Path) -> None:
    print(f"{'file':24} {'frames':>6} {'right':>7} {'mean p':>7}  most named")
    shares = []
    for path in sorted(folder.glob("*.cf32")):
        truth = CLASSES[path.stem.split("_")[0]]
        samples = np.fromfile(path, np.complex64)
        power = (np.abs(samples[: len(samples) // LENGTH * LENGTH]) ** 2).reshape(-1, LENGTH).mean(1)
        table = predicted(
            checkpoint, "dataset=recordings", f"dataset.path={path}", f"dataset.frame_length={LENGTH}",
            "dataset.samples_per_symbol=8", "dataset.sample_rate=1",
        )  # fmt: skip
        signal = power > SQUELCH * np.quantile(power, 0.9)
        probability = table["modulation_probability"][signal]
        names = table["modulations"][probability.argmax(1)]
        shares.append((names == truth).mean())
        kinds, counts = np.unique(names, return_counts=True)
        most = ", ".join(f"{kinds[k]} {counts[k]}" for k in counts.argsort()[::-1][:3])
        print(f"{path.stem:24} {len(names):6} {100 * shares[-1]:6.1f}% {probability.max(1).mean():7.2f}  {most}")
    print(f"{'mean over files':31} {100 * np.mean(shares):6.1f}%, least {100 * np.min(shares):.1f}%\n")


def label_30(folder: Path, checkpoint: Path) -> None:
    table = predicted(
        checkpoint, "dataset=split_hdf5", f"dataset.path={folder}", "dataset.snr_definition=radioml2018",
        "dataset.samples_per_symbol=8",
    )  # fmt: skip
    right = table["modulation_probability"].argmax(1) == table["modulation_label"]
    labels = table["snrs"][table["snr_probability"].argmax(1)]
    print(f"RadioML 2018.01A, label 30: {len(right)} frames, modulation {100 * right.mean():.1f} %, ", end="")
    print(f"SNR label 30 named {100 * (labels == 30).mean():.1f} %\n")


def rml2016(path: Path, checkpoint: Path) -> None:
    """With the classes of both worlds by their names here."""
    import pickle

    with path.open("rb") as file:
        cells = pickle.load(file, encoding="latin1")
    print(f"RML2016.10b, labels {LEAST_LABEL} and more:")
    for name in ("BPSK", "QPSK", "8PSK", "PAM4", "QAM16", "QAM64"):
        frames = np.concatenate([x for (m, s), x in cells.items() if m == name and s >= LEAST_LABEL])
        with tempfile.TemporaryDirectory() as folder:
            raw = Path(folder) / "frames.npy"
            np.save(raw, (frames[:, 0] + 1j * frames[:, 1]).astype(np.complex64).ravel())
            table = predicted(
                checkpoint, "dataset=recordings", f"dataset.path={raw}", f"dataset.frame_length={frames.shape[2]}",
                "dataset.samples_per_symbol=8", "dataset.sample_rate=1",
            )  # fmt: skip
        named = table["modulations"][table["modulation_probability"].argmax(1)]
        kinds, counts = np.unique(named, return_counts=True)
        most = ", ".join(f"{kinds[k]} {counts[k]}" for k in counts.argsort()[::-1][:4])
        truth = NAMES_2016.get(name, name)
        print(f"{name:8} {len(named):5} frames, right {100 * (named == truth).mean():5.1f} %   {most}")


if __name__ == "__main__":
    where, trained = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    if (where / "off_air").is_dir():
        off_air(where / "off_air", trained)
    if (where / "rml2018_label30").is_dir():
        try:
            label_30(where / "rml2018_label30", trained)
        except Refused as reason:
            print(f"RadioML 2018.01A, label 30: not asked: {reason}\n")
    for pickle_file in sorted(where.glob("rml2016.10b*.dat")):
        rml2016(pickle_file, trained)
