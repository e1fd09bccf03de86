"""What tests across rooms share: the command line in this process, at a size that takes a moment."""

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

# Two processes run the tests side by side (pyproject.toml): one thread each, set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

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
    "device": "cpu",
}


def tiny(*given: str) -> list[str]:
    """``given`` overrides, filled up with those of TINY whose keys (or groups) they leave open."""
    taken = {override.split("=")[0].lstrip("+~") for override in given}
    groups = {key.split(".")[0] for key in taken if "." not in key}
    return [
        *given,
        *(
            f"{key}={value}"
            for key, value in TINY.items()
            if key not in taken and not ("." in key and key.split(".")[0] in groups - {"dataset", "trainer"})
        ),
    ]


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
def cli(tmp_path, monkeypatch, capsys):
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
