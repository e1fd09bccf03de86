"""Searches run in this process, on the smallest networks and sets of frames."""

import logging
import sys

import pytest
from hydra.core.global_hydra import GlobalHydra

from amc_xai import __main__ as entry

TINY = [
    "dataset.modulations=[BPSK,QPSK]", "dataset.snrs=[0,30]", "dataset.frames_per_cell=20",
    "dataset.frame_length=128", "backbone=timm", "backbone.name=test_resnet", "representation=constellation",
    "representation.image_size=16", "trainer.batch_size=32",
]  # fmt: skip


@pytest.fixture
def amc(tmp_path, monkeypatch, capsys, undrawn):
    """Run the command line in ``tmp_path`` as a user would; returns the exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")

    def command(*arguments: str, tiny: bool = True, epochs: int = 1) -> int:
        given = {argument.split("=")[0] for argument in arguments}
        small = [default for default in TINY if default.split("=")[0] not in given] if tiny else []
        small += [f"trainer.epochs={epochs}"] if tiny else []
        monkeypatch.setattr(sys, "argv", ["amc_xai", *arguments, *small])
        GlobalHydra.instance().clear()
        handlers, level = list(logging.root.handlers), logging.root.level
        try:
            entry.main()
            return 0
        except SystemExit as stop:
            return stop.code
        finally:
            for handler in [h for h in logging.root.handlers if h not in handlers]:
                handler.close()
            logging.root.handlers[:] = handlers
            logging.root.setLevel(level)

    return command
