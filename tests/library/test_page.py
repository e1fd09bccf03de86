"""The examples of ``docs/library.md`` and of the docstrings run as they stand there."""

import doctest
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import matplotlib
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "library.md").read_text()


def test_page_runs_from_top_to_bottom(trained, tmp_path, monkeypatch, capsys):
    matplotlib.use("agg")
    shutil.copy(trained / "checkpoints" / "best.pt", tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(compile(block, "docs/library.md", "exec"), names)
    said = capsys.readouterr().out
    assert "iq holds integers (int16)" in said and (tmp_path / "answer.png").stat().st_size > 1000
    assert len(names["answer"]) == 4 and len(names["found"].prediction) == 1
    names["pyplot"].close("all")


@pytest.mark.parametrize("name", ["net", "samples"])
def test_docstrings_tell_the_truth(name, trained):
    module = import_module(f"amc_xai.library.{name}")
    given = {"best": trained / "checkpoints" / "best.pt", "np": np}
    done = doctest.testmod(module, extraglobs=given)
    assert done.attempted > 0 and done.failed == 0


def test_importing_the_package_loads_no_torch():
    code = (
        "import sys, amc_xai\nassert 'load' in dir(amc_xai)\n"
        "heavy = {'torch', 'timm', 'matplotlib', 'hydra'} & set(sys.modules)\nassert not heavy, heavy\n"
        "try:\n    amc_xai.lode\nexcept AttributeError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "has no attribute 'lode'" in done.stdout
