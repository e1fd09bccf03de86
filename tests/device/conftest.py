"""Tests on the hardware: `uv run pytest tests/device` on any machine with a GPU, or a Mac; under 8 minutes.

``AMC_XAI_DEVICE`` names another device than the first one there (``cuda:1``); ``cpu`` tries the tests without any.
"""

import os
from pathlib import Path

import pytest
import torch


def hardware() -> str | None:
    """The device to test: as asked for, else CUDA or MPS where there is one."""
    if asked := os.environ.get("AMC_XAI_DEVICE"):
        return asked
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("device")
            # What a driver or a kernel warns of is not ours to mend.
            item.add_marker(pytest.mark.filterwarnings("default"))
            if hardware() is None:
                reason = "needs a GPU or a Mac: torch finds no CUDA or MPS device (AMC_XAI_DEVICE=cpu tries it)"
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def device() -> str:
    """The device's name, as the key ``device`` takes it."""
    return hardware()


@pytest.fixture
def job(cli, monkeypatch):
    """Run a job in this process; its run folder, or a failure with what it said. Draws no figures."""
    for name in ("train", "explain", "evaluate"):
        monkeypatch.setattr(f"amc_xai.tasks.{name}.report", lambda bench, values: None)

    def run(*args: str) -> Path:
        done = cli(*args)
        assert done.code == 0, done.out + done.err
        return done.folder

    return run
