"""The pages of docs/ as a site, and the notebook among them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import environment

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


@pytest.mark.slow  # it imports every package for its docstrings, and writes pages of 30 s
def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(tmp_path / "trees")]
    done = subprocess.run([*command, str(DOCS), str(tmp_path / "site")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    reference = (tmp_path / "site" / "api.html").read_text()
    assert all(f'id="amc_xai.{name}"' in reference for name in ("load", "data.FrameSource", "perturbation.View"))


def test_every_page_is_in_the_contents():
    contents = (DOCS / "index.md").read_text().splitlines()
    pages = {path.stem for kind in ("*.md", "*.ipynb") for path in DOCS.glob(kind)} - {"index"}
    assert pages - set(contents) == set()


@pytest.mark.slow  # it trains a network, for half a minute
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_notebook_goes_from_a_recording_to_a_verdict_to_its_reason(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    for name, value in environment(OMP_NUM_THREADS="1", MPLBACKEND="agg").items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(DOCS / "recording_to_reason.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = {
        cell.source.splitlines()[-1]: "".join(o.text for o in cell.outputs if o.get("name") == "stdout")
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
    verdict, changed = said["print(answer)"], said["print(net.predict(changed.astype(np.complex64)))"]
    assert verdict.startswith("row 0, samples 0 to 4,096: QPSK, ") and "; SNR 20 dB (" in verdict
    assert changed.startswith("row 0, samples 0 to 4,096: BPSK, ")
    assert len(verdict.splitlines()) == len(changed.splitlines()) == 1
    assert (tmp_path / "recording.cf32").stat().st_size == 8 * 600 * 8


def test_the_notebook_holds_nothing_of_the_machine_that_ran_it():
    text = (DOCS / "recording_to_reason.ipynb").read_text()
    assert "Warning" not in text and "/tmp" not in text and "image/png" in text
