"""Every command of the README runs as it stands there, at a tiny size; so does its example of one's own part."""

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import tiny

README = (Path(__file__).parent.parent / "README.md").read_text()
COMMANDS = sorted({c.strip() for c in re.findall(r"python -m amc_xai([^\n`#]*)", README)})
OWN = "hydra.searchpath=[file://my_conf]"
# One trial of a search is enough to see that its command runs.
SEARCH = ["hydra.sweeper.n_trials=1", "backbone=timm", "backbone.name=test_resnet"]


@pytest.fixture
def here(tmp_path, monkeypatch, trained):
    """A folder where the README's RUN and FOLDER exist."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "RUN").symlink_to(trained)
    (tmp_path / "multirun").mkdir()
    return tmp_path


@pytest.mark.parametrize("command", [c for c in COMMANDS if OWN not in c], ids=lambda c: c or "defaults")
def test_command_runs(cli, here, command):
    given = shlex.split(command)
    keys = {override.split("=")[0] for override in given}
    if "dataset=split_hdf5" in given:
        assert cli(*tiny("task=generate", "dataset.path=FOLDER")).code == 0
    if "hparams_search" in keys:
        given += SEARCH
    if not keys & {"checkpoint", "resume", "--help", "--cfg"}:
        given = tiny(*given)
    assert cli(*given).code == 0


def test_example_of_a_part_of_ones_own(cli, here, monkeypatch):
    section = README.split("## Parts of your own")[1]
    code, recipe = (re.search(rf"```{kind}\n(.*?)```", section, re.S)[1] for kind in ("python", "yaml"))
    (here / "my_lab.py").write_text(code)
    where = here / re.search(r"write `(my_conf/\S+\.yaml)`", section)[1]
    where.parent.mkdir(parents=True)
    where.write_text(recipe)
    given = shlex.split(next(c for c in COMMANDS if OWN in c))
    monkeypatch.syspath_prepend(here)
    assert cli(*tiny(*given)).code == 1  # my_lab isn't trusted yet
    monkeypatch.setenv("AMC_XAI_TRUST", "my_lab.*")
    assert cli(*tiny(*given)).code == 0
