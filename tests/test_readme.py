"""Every command of the README runs as it stands there, at a tiny size; so does its network of one's own."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import tiny
from tests.test_configs import NEEDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text().replace("\\\n", "")
COMMANDS = sorted({c.strip() for c in re.findall(r"python -m amc_xai([^\n`#]*)", README)})
OWN = "my_"  # modules and settings of one's own, which the README spells out
# One trial of a search, one run of a sweep over experiments, are enough to see that the command runs.
SEARCH = ["hydra.sweeper.n_trials=1", "backbone=timm", "backbone.name=test_resnet"]
SWEEP = ["backbone=timm", "backbone.name=test_resnet", "seed=0", "extractor=none", "loss=fixed", "limits=none"]
# Whose figures are drawn: the rest of a run doesn't hang on them, and they take five times as long as it.
DRAWN = ["", "task=explain checkpoint=RUN/checkpoints/best.pt attribution=integrated_gradients"]
# What is many times as much of the same, by the override that asks for it.
LESS = {
    "task.workers=2": ["task.workers=1"],
    "trainer.epochs": ["trainer.epochs=1"],
    "experiment=pis": ["perturbation.frames=2"],
    "experiment=pis_published": ["perturbation.frames=2"],
    "attribution": ["attribution.frames=4", "attribution.curve_steps=4", "attribution.random_orders=1"],
}


@pytest.fixture
def here(tmp_path, monkeypatch, trained, store, brought, pictures):
    """A folder in which everything that the README names exists."""
    monkeypatch.chdir(tmp_path)
    places = {
        "RUN": trained,
        "STORE": store,
        "PICTURES": pictures,
        "GOLD.hdf5": brought / "gold.hdf5",
        "RML2016.pkl": brought / "a.pkl",
        "RECORDINGS": brought / "recordings",
        "LABELS.csv": brought / "labels.csv",
    }
    for name, target in places.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(target)
    shutil.copytree(trained, tmp_path / "MULTIRUN" / "0")
    return tmp_path


def run_at_a_tiny_size(cli, command: str) -> None:
    given = shlex.split(command)
    keys = {override.split("=")[0] for override in given}
    task = next((o.split("=")[1] for o in given if o.startswith("task=")), "train")
    if keys & {"hparams_search", "hydra/sweeper"}:
        given += SEARCH
    elif "experiment" in keys and task == "train":
        own = NEEDS.get(next(o for o in given if o.startswith("experiment=")).replace("=", "/"), [])
        given += ["dataset.frames_per_epoch=40", "split.ratios=[0.8,0.1,0.1]", *own]
        given += [o for o in SWEEP if not (own and o.startswith("backbone"))] if "-m" in keys else []
    elif "-m" in keys:
        given += ["task.explain_after=false"]
    given += [less for asked, fewer in LESS.items() if {asked} & {*keys, *given} for less in fewer]
    # What goes on with a run has its settings; the first of a run that may go on has none yet.
    goes_on = keys & {"checkpoint", "resume"} and "resume=auto" not in given
    if not goes_on and not keys & {"--help", "--cfg"} and task in ("train", "generate", "limits"):
        given = tiny(*given)
    assert cli(*given).code == 0


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if OWN not in c and c not in DRAWN], ids=lambda c: c or "defaults"
)
def test_command_runs(cli, here, command):
    run_at_a_tiny_size(cli, command)


@pytest.mark.parametrize("command", DRAWN, ids=lambda c: c or "defaults")
def test_command_runs_and_draws(figures, cli, here, command):
    assert command in COMMANDS
    run_at_a_tiny_size(cli, command)


def test_example_of_a_network_of_ones_own(cli, here, monkeypatch):
    section = README.split("## Parts of your own")[1]
    *code, recipe = (
        code for kind in ("python", "yaml") for code in re.findall(rf"```{kind}\n(.*?)```", section, re.S)
    )
    (here / "my_lab.py").write_text("\n".join(code))
    where = here / re.search(r"write `(my_conf/\S+\.yaml)`", section)[1]
    where.parent.mkdir(parents=True)
    where.write_text(recipe)
    network, selector = (shlex.split(next(c for c in COMMANDS if word in c)) for word in ("my_conf", "my_lab"))
    monkeypatch.syspath_prepend(here)
    untrusted = cli(*tiny(*network))
    assert untrusted.code == 1 and "AMC_XAI_TRUST='my_lab.*' python -m amc_xai 'hydra.searchpath=" in untrusted.out
    monkeypatch.setenv("AMC_XAI_TRUST", "my_lab.*")
    done = cli(*tiny(*network))
    assert done.code == 0
    assert {"metrics.json", "history.jsonl", "report.html"} <= done.files
    explained = cli(*selector, "perturbation.fractions=[0.5]")
    assert explained.code == 0
    assert "\nleftmost," in (explained.folder / "pis.csv").read_text()


def test_brackets_are_quoted():
    """A shell such as zsh takes brackets that aren't for names of files."""
    texts = [README, *(path.read_text() for path in (ROOT / "docs").glob("*.md"))]
    commands = [c for text in texts for c in re.findall(r"python -m amc_xai([^\n`#]*)", text)]
    assert [c for c in commands if re.search(r"[\[({]", re.sub(r"'[^']*'", "", c))] == []
