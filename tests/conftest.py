"""What tests across rooms share: the command line in this process, at a size that takes a moment."""

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from omegaconf import OmegaConf

# Two processes run the tests side by side (pyproject.toml): one thread each, set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

CONF = Path(__file__).parent.parent / "conf"

# The smallest job that goes all the way: 40 frames, one epoch.
TINY = {
    "dataset.modulations": "[BPSK,QPSK]",
    "dataset.snrs": "[0,20]",
    "dataset.frames_per_cell": "10",
    "dataset.frame_length": "128",
    "representation.image_size": "32",
    "backbone": "timm",
    "backbone.name": "test_resnet",
    "trainer.epochs": "1",
    "trainer.batch_size": "16",
    "perturbation.selectors": "[top]",
    "perturbation.fractions": "[0.5]",
    "perturbation.donors": "1",
    "device": "cpu",
    "limits": "none",
}


def environment(**more: str) -> dict[str, str]:
    """For a test's own processes: this checkout before any installed copy, and packages from where they are."""
    paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **more}


def tiny(*given: str) -> list[str]:
    """``given`` overrides, filled up with those of TINY that they leave open and that their groups have."""
    taken = {override.split("=")[0].lstrip("+~") for override in given}
    choices = dict(
        override.split("=", 1) for override in given if "=" in override and "." not in override.split("=")[0]
    )

    def fits(key: str) -> bool:
        group, _, rest = key.partition(".")
        if not rest or group not in choices:
            return True
        file = CONF / group / f"{choices[group]}.yaml"
        return not file.is_file() or rest in OmegaConf.load(file)

    filled = [f"{key}={value}" for key, value in TINY.items() if key not in taken and fits(key)]
    # A backbone that was chosen keeps its own name.
    return [*given, *(f for f in filled if not (f.startswith("backbone.name") and "backbone" in choices))]


@dataclass
class Outcome:
    """What a command left: exit code, standard output and error, its run folder."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()


@pytest.fixture
def figures():
    """Asked for by tests whose commands are to draw."""


@pytest.fixture
def undrawn(request, monkeypatch):
    """Runs leave no figures unless ``figures`` is asked for: drawing takes five times as long as a tiny run."""
    if "figures" not in request.fixturenames:
        # Here and not by the name that tasks import: one that is imported in this test would keep it.
        from matplotlib.figure import Figure

        # An empty one: a page needs something to report on, and an untested run has nothing else.
        empty = [("undrawn", Figure(figsize=(1, 1)))]
        monkeypatch.setattr("amc_xai.report.figures.build_figures", lambda folder: iter(empty))


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys, undrawn):
    """Run ``python -m amc_xai ARGS`` in this process; the run folder is a fresh one."""
    from amc_xai.__main__ import main

    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    count = 0

    def run(*args: str, folder: Path | None = None) -> Outcome:
        nonlocal count
        count += 1
        folder = folder or tmp_path / f"run{count}"
        where = "hydra.sweep.dir" if "-m" in args else "hydra.run.dir"
        monkeypatch.setattr(sys, "argv", ["amc_xai", *args, f"{where}={folder}"])
        code = 0
        try:
            main()
        except SystemExit as error:
            code = error.code
        finally:
            close_log_files()
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err, folder)

    yield run


def close_log_files() -> None:
    """Hydra leaves the last job's log file open until the next job."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if type(handler) in (logging.FileHandler, logging.StreamHandler):
            root.removeHandler(handler)
            handler.close()


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """The run folder of one tiny training, shared by the tests that need a checkpoint."""
    from amc_xai.__main__ import main

    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYDRA_FULL_ERROR", "0")
        patch.setattr(sys, "argv", ["amc_xai", *tiny(), f"hydra.run.dir={folder}"])
        main()
    close_log_files()
    return folder


@pytest.fixture(scope="session")
def brought(tmp_path_factory) -> Path:
    """What people bring: a RadioML 2018.01A file, RML2016 pickles, arrays, labelled recordings; all tiny."""
    import pickle

    import h5py
    import numpy as np

    root, rng = tmp_path_factory.mktemp("brought"), np.random.default_rng(0)
    cell = np.repeat(np.arange(624), 10)
    with h5py.File(root / "gold.hdf5", "w") as file:
        file["X"] = rng.standard_normal((6240, 128, 2), np.float32)
        file["Y"] = np.eye(24, dtype=np.int64)[cell // 26]
        file["Z"] = (-20 + 2 * (cell % 26))[:, None]
    classes = ["8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"]
    cells = {(m, s): rng.standard_normal((10, 2, 128), np.float32) for m in classes for s in (0, 20)}
    (root / "a.pkl").write_bytes(pickle.dumps(cells, 2))
    (root / "b.pkl").write_bytes(pickle.dumps({k: v for k, v in cells.items() if k[0] != "AM-SSB"}, 2))
    names, levels = np.array(["BPSK", "QPSK"]).repeat(20), np.tile([0, 20], 20)
    np.savez(root / "arrays.npz", X=rng.standard_normal((40, 2, 128), np.float32), y=names, snr=levels)
    (root / "recordings").mkdir()
    lines = ["file,start,stop,modulation,snr"]
    for m, s in (("BPSK", 0), ("BPSK", 20), ("QPSK", 0), ("QPSK", 20)):
        rng.standard_normal(2560, np.float32).tofile(root / "recordings" / f"{m}{s}.cf32")
        lines.append(f"{m}{s}.cf32,,,{m},{s}")
    (root / "labels.csv").write_text("\n".join(lines))
    return root


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    """A split store of the tiny set."""
    from amc_xai.data import Synthetic
    from amc_xai.data.split_files import write_cell

    root = tmp_path_factory.mktemp("store")
    source = Synthetic(["BPSK", "QPSK"], [0, 20], frames_per_cell=10, frame_length=128)
    for m, modulation in enumerate(source.modulations):
        for s, snr in enumerate(source.snrs):
            cell = ((source.modulation_index == m) & (source.snr_index == s)).nonzero()[0]
            write_cell(root, modulation, snr, source.read(cell).numpy(), {"samples_per_symbol": 8.0})
    return root


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """A tree of constellation PNGs of the tiny set, each with a perturbed twin."""
    from amc_xai.data import Facts, Synthetic
    from amc_xai.data.conversion import write_cells
    from amc_xai.perturbation import PerturbationPlan, Top, Zero
    from amc_xai.representation import Constellation
    from amc_xai.tasks.images import PngWriter

    plan = PerturbationPlan(["top"], [0.05], Zero(), {"top": Top})
    root = tmp_path_factory.mktemp("pictures") / "tree"
    source = Synthetic(["BPSK", "QPSK"], [0, 20], frames_per_cell=10, frame_length=128)
    list(write_cells(source, PngWriter(Constellation(Facts.of(source), 32), plan, 0), root, {}))
    return root
