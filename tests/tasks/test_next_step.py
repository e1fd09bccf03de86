"""The last line of each task is a command, and the command runs."""

import re
import shlex

import numpy as np
import pytest

from amc_xai.tasks import next_step
from tests.conftest import tiny

FEW = [
    "perturbation.selectors=[top]", "perturbation.fractions=[0.5]", "perturbation.donors=1", "device=cpu",
    "limits=none",
]  # fmt: skip
QUICK = {
    "task=explain": [*FEW, "attribution.frames=4", "attribution.curve_steps=4", "attribution.random_orders=1"],
    "task=stress": ["task.frames=2", "task.impairments=[es_n0]"],
}


def command_of(result) -> list[str]:
    """The overrides of the last line's command."""
    assert result.code == 0, result.out
    last = result.out.strip().splitlines()[-1]
    return shlex.split(re.search(r": python -m amc_xai (.*)$", last)[1])


def run(cli, given: list[str]):
    task = next((o for o in given if o.startswith("task=")), None)
    return cli(*given, *QUICK.get(task, [])) if task in QUICK else cli(*(given if task else tiny(*given)))


def test_from_a_training_to_what_breaks_the_network(cli):
    trained = cli(*tiny("task.explain_after=false"))
    given = command_of(trained)
    assert given == ["task=explain", f"checkpoint={trained.folder}/checkpoints/best.pt"]
    explained = run(cli, given)
    with_maps = command_of(explained)
    assert with_maps[:2] == given and with_maps[-1] == "attribution=integrated_gradients"
    mapped = run(cli, with_maps)
    assert (mapped.folder / "attribution.csv").is_file()
    assert command_of(mapped) == ["task=stress", given[1]]
    stressed = run(cli, command_of(mapped))
    received = command_of(stressed)
    assert {"dataset/channel=receiver", "dataset.modulations=[BPSK,QPSK]", "dataset.snrs=[0,20]"} <= set(received)
    again = run(cli, [*received, "task.test_after=false", "task.explain_after=false"])
    assert again.code == 0


def test_evaluation_keeps_the_data_and_the_part(cli, trained, store):
    checkpoint = f"checkpoint={trained}/checkpoints/best.pt"
    given = [checkpoint, "dataset=split_hdf5", f"dataset.path={store}"]
    tested = cli("task=evaluate", *given, "task.part=validation", "device=cpu", "limits=none")
    assert command_of(tested) == [
        "task=explain", *given, "device=cpu", "limits=none", "task.part=validation",
    ]  # fmt: skip
    assert run(cli, command_of(tested)).code == 0


def test_limits_and_inspection_lead_to_a_training_on_the_same_frames(cli, brought):
    quick = ["task.frames_per_cell=4", "task.reachable=0", "task.anchors=false"]
    limits = cli(*tiny("task=limits", "experiment=pis", *quick))
    kept = {"experiment=pis", "dataset.modulations=[BPSK,QPSK]", "dataset.snrs=[0,20]"}
    assert kept <= set(command_of(limits))
    assert not any(o.startswith("task") for o in command_of(limits))
    data = ["dataset=recordings", f"dataset.path={brought}/recordings", "dataset.frame_length=128"]
    labels = [f"dataset.labels={brought}/labels.csv", "dataset.samples_per_symbol=8"]
    looked = cli("task=inspect", *data, *labels)
    assert command_of(looked) == [*data, *labels]
    assert run(cli, [*command_of(looked), "task.explain_after=false"]).code == 0


def test_recordings_without_labels_are_for_the_network_of_the_package(cli, brought):
    data = ["dataset=recordings", f"dataset.path={brought}/recordings"]
    given = command_of(cli("task=inspect", *data, "dataset.frame_length=128"))
    assert given == ["task=predict", "checkpoint=builtin", *data]
    said = cli(*given, "dataset.frame_length=256")  # these are short
    assert command_of(said) == ["task=inspect", *data, "dataset.frame_length=256"]


def test_other_frames_without_labels_are_for_a_trained_network(cli, trained, tmp_path):
    frames = np.random.default_rng(0).standard_normal((20, 128, 2)).astype(np.float32)
    np.savez(tmp_path / "frames.npz", X=frames)
    data = ["dataset=arrays", f"dataset.path={tmp_path}/frames.npz", "dataset.y=null", "dataset.snr=null"]
    given = command_of(cli("task=inspect", *data))
    assert given == ["task=predict", "checkpoint=RUN/checkpoints/best.pt", *data]
    assert cli(*(o.replace("RUN", str(trained)) for o in given)).code == 0


@pytest.mark.parametrize("format", ["split", "sigmf", "npz", "images"])
def test_what_was_converted_is_trained_on(format, cli, store, tmp_path):
    to = tmp_path / "a folder"
    how = [f"task.to={to}", f"task.format={format}", "representation.image_size=32"]
    given = command_of(cli("task=convert", "dataset=split_hdf5", f"dataset.path={store}", *how))
    assert any(o.startswith(f"dataset.path={to}") for o in given)
    assert run(cli, [*given, "task.explain_after=false"]).code == 0


def test_a_multirun_has_one_line_of_its_own(cli):
    runs = cli("-m", *tiny("seed=0,1", "task.explain_after=false"))
    assert runs.code == 0 and "next, " not in runs.out
    assert "compare the runs with: python -m amc_xai task=leaderboard" in runs.out.strip().splitlines()[-1]


def test_parts_of_ones_own_keep_their_variables(monkeypatch):
    monkeypatch.setenv("AMC_XAI_TRUST", "my_lab.*")
    monkeypatch.setenv("PYTHONPATH", "a folder")
    said = next_step.command("task=limits", "dataset.snrs=[0]")
    assert said.startswith("AMC_XAI_TRUST='my_lab.*' PYTHONPATH='a folder' python -m amc_xai task=limits ")
    assert said.endswith(" 'dataset.snrs=[0]'")
    monkeypatch.delenv("AMC_XAI_TRUST")
    assert next_step.command("task=limits") == "python -m amc_xai task=limits"
