"""Every command of the README and the docs runs as it stands there, at a tiny size; so do parts of one's own."""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import tiny
from tests.test_configs import NEEDS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OWN = "my_"  # modules and settings of one's own, which a page spells out
# What takes servers, or runs that stand on one another, by what tells it: the test that runs it.
ELSEWHERE = {
    "hydra/launcher=submitit_slurm": "tests/engines/test_slurm.py",
    "hydra/launcher=ray": "tests/engines/test_ray.py",
    "experiment=claims": "tests/tasks/test_claims.py",
    "task=claims": "tests/tasks/test_claims.py",
    "GOLD_XYZ_OSC": "tests/test_readme.py",
}


def commands_of(page: Path) -> list[str]:
    text = page.read_text().replace("\\\n", "")
    return [" ".join(found.split()) for found in re.findall(r"python -m amc_xai([^\n`#]*)", text)]


EVERY = sorted({command for page in PAGES for command in commands_of(page)})
COMMANDS = [c for c in EVERY if not any(word in c for word in ELSEWHERE)]
# One trial of a search, one run of a sweep over experiments, are enough to see that the command runs.
SEARCH = ["hydra.sweeper.n_trials=1", "backbone=timm", "backbone.name=test_resnet"]
SWEEP = ["backbone=timm", "backbone.name=test_resnet", "seed=0", "extractor=none", "loss=fixed", "limits=none"]
# Whose figures are drawn: the rest of a run doesn't hang on them, and they take five times as long as it.
DRAWN = ["", "task=explain checkpoint=RUN/checkpoints/best.pt attribution=integrated_gradients"]
# The network that all of them ask knows 0 and 20 dB.
KNOWN = {"dataset.snrs=[10]": "dataset.snrs=[20]", "dataset.snrs=[12]": "dataset.snrs=[20]"}
FEWER = {
    "dataset.frame_length=1024": "dataset.frame_length=128",
    "dataset.frames_per_cell=500": "dataset.frames_per_cell=20",
    "representation.image_size=224": "representation.image_size=32",
    "task.frames=100": "task.frames=2",
}
# What is many times as much of the same, by the override that asks for it.
LESS = {
    "task=calibrate": ["task.emissions=24"],
    "task.workers=2": ["task.workers=1"],
    "task=stress": ["task.frames=2", "task.impairments=[es_n0]"],
    "backbone=resnet34": ["task.explain_after=false"],
    "trainer.epochs": ["trainer.epochs=1"],
    "experiment=pis": ["perturbation.frames=2"],
    "experiment=pis_published": ["perturbation.frames=2"],
    "attribution": ["attribution.frames=4", "attribution.curve_steps=4", "attribution.random_orders=1"],
}


@pytest.fixture
def here(tmp_path, monkeypatch, trained, store, brought, pictures):
    """A folder in which everything that the pages name exists."""
    monkeypatch.chdir(tmp_path)
    places = {
        "RUN": trained,
        "STORE": store,
        "PICTURES": pictures,
        "GOLD.hdf5": brought / "gold.hdf5",
        "FILE.npz": brought / "arrays.npz",
        "RML2016.pkl": brought / "a.pkl",
        "RECORDINGS": brought / "recordings",
        "FILE_OR_FOLDER": brought / "recordings",
        "LABELS.csv": brought / "labels.csv",
    }
    for name, target in places.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(target)
    shutil.copytree(trained, tmp_path / "MULTIRUN" / "0")
    return tmp_path


def run_at_a_tiny_size(cli, command: str) -> None:
    given = [FEWER.get(o, o) for o in shlex.split(command)]
    if "checkpoint=" in command:
        given = [KNOWN.get(o, o) for o in given]
    keys = {override.split("=")[0] for override in given}
    task = next((o.split("=")[1] for o in given if o.startswith("task=")), "train")
    if keys & {"hparams_search", "hydra/sweeper"}:
        given += SEARCH
    elif "experiment" in keys and task == "train":
        own = NEEDS.get(next(o for o in given if o.startswith("experiment=")).replace("=", "/"), [])
        endless = [] if "dataset.path=STORE" in given else ["dataset.frames_per_epoch=40"]
        given += [*endless, "split.ratios=[0.8,0.1,0.1]", *own]
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


@pytest.fixture
def lab(here, monkeypatch):
    """The modules and settings that docs/own_parts.md spells out, written where it says."""
    page = (ROOT / "docs" / "own_parts.md").read_text()
    for name, code in re.findall(r"`(my_\S+\.(?:py|yaml))`:\n\n```\w+\n(.*?)```", page, re.S):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(code)
    monkeypatch.syspath_prepend(here)
    return here


OWN_COMMANDS = [c for c in COMMANDS if OWN in c]


def own_command(name: str) -> list[str]:
    return shlex.split(next(c for c in OWN_COMMANDS if name in c))


@pytest.mark.parametrize("kind", ["network", "loss", "dataset"])
def test_a_part_of_ones_own_trains(kind, cli, lab, monkeypatch):
    given = tiny(*own_command({"network": "small_net", "loss": "focal", "dataset": "tones"}[kind]))
    if kind == "dataset":  # which has none of the synthetic set's keys
        given = [o for o in given if not o.startswith("dataset.")]
    untrusted = cli(*given)
    assert untrusted.code == 1
    assert f"AMC_XAI_TRUST='my_{kind}.*' python -m amc_xai 'hydra.searchpath=" in untrusted.out
    monkeypatch.setenv("AMC_XAI_TRUST", f"my_{kind}.*")
    done = cli(*given)
    assert done.code == 0
    assert {"metrics.json", "history.jsonl", "report.html"} <= done.files


@pytest.mark.parametrize(
    "kind, name, file, left",
    [
        ("selector", "leftmost", "pis.csv", "\nleftmost,"),
        ("operator", "dim", "pis.csv", "\ntop,dim,"),
        ("attribution", "plain_gradient", "attribution.csv", "\nplain_gradient,"),
    ],
)
def test_a_part_of_ones_own_explains(kind, name, file, left, cli, lab, monkeypatch):
    monkeypatch.setenv("AMC_XAI_TRUST", f"my_{kind}.*")
    less = LESS["attribution"] if kind == "attribution" else []
    done = cli(*own_command(name), "perturbation.fractions=[0.5]", *less)
    assert done.code == 0
    assert left in (done.folder / file).read_text()


def test_what_was_trained_on_the_twin_is_tested_on_the_file(cli, brought):
    twin, test = (shlex.split(c) for c in commands_of(ROOT / "docs" / "radioml_twin.md") if "dataset=" in c)
    trained = cli(*tiny(*twin, "task.explain_after=false"))
    best, gold = trained.folder / "checkpoints" / "best.pt", brought / "gold.hdf5"
    given = {"checkpoint=RUN/checkpoints/best.pt": f"checkpoint={best}"}
    given |= {o: f"dataset.path={gold}" for o in test if "GOLD_XYZ_OSC" in o}
    labels = ["dataset.modulations=[BPSK,QPSK]", "dataset.snrs=[0,20]"]  # which the tiny network knows
    done = cli(*(given.get(o, o) for o in test), *labels)
    assert done.code == 0
    assert json.loads((done.folder / "metrics.json").read_text())["snr_definition"] == "radioml2018"


def test_the_pages_name_the_tests_that_run_the_rest():
    assert all((ROOT / test).is_file() and any(word in c for c in EVERY) for word, test in ELSEWHERE.items())


def test_python_of_the_readme_runs(here):
    (here / "best.pt").symlink_to(here / "RUN" / "checkpoints" / "best.pt")
    (block,) = re.findall(r"```python\n(.*?)```", PAGES[0].read_text(), re.S)
    names = {"iq": np.exp(0.06j * np.arange(256)).astype(np.complex64)}
    exec(compile(block, "README.md", "exec"), names)
    assert len(names["answer"].modulation) == 2 and len(names["why"].prediction) == 2


def test_the_readme_stays_short():
    assert len(PAGES[0].read_text().splitlines()) <= 120


def test_links_of_the_readme_lead_somewhere():
    """Those within docs/ are looked at by the site's build."""
    links = re.findall(r"\]\((?!http)([^)\s#]+)(?:#([^)\s]+))?\)", PAGES[0].read_text())
    assert links and [page for page, _ in links if not (ROOT / page).is_file()] == []
    assert [(page, place) for page, place in links if place and place not in places_of(ROOT / page)] == []


def places_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_brackets_are_quoted():
    """A shell such as zsh takes brackets that aren't for names of files."""
    assert [c for c in EVERY if re.search(r"[\[({]", re.sub(r"'[^']*'", "", c))] == []
