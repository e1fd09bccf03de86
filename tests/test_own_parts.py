"""Parts of one's own that go wrong: each message says what to do, as a command where one helps."""

import sys
import textwrap

import pytest
import torch

from tests.conftest import tiny

LAB = """
    from torch import nn
    from amc_xai.loss import FixedWeights

    class Own(FixedWeights):
        pass

    class Plain(nn.Module):
        def __init__(self, snrs, **options):
            super().__init__()

        def forward(self, prediction, target):
            return nn.functional.cross_entropy(prediction.modulation, target.modulation)
"""


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A module of one's own that is trusted and found."""
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "lab_of_ours.py").write_text(textwrap.dedent(LAB))
    monkeypatch.syspath_prepend(tmp_path / "lab")
    monkeypatch.setenv("AMC_XAI_TRUST", "lab_of_ours.*")
    monkeypatch.delitem(sys.modules, "lab_of_ours", raising=False)
    return tmp_path


def said_of(result) -> str:
    said = (result.out + result.err).strip().splitlines()
    assert result.code == 1 and len(said) == 1, said
    return said[0]


def test_what_is_not_trusted_names_the_variable_and_the_command(cli, monkeypatch):
    given = tiny("loss._target_=others.Loss", "dataset.snrs=[0,20]")
    said = said_of(cli(*given))
    assert said.startswith(
        "loss: a configuration may call this package and torch, and others.Loss is of another; "
    )
    assert (
        "give the command again as: AMC_XAI_TRUST='others.*' python -m amc_xai loss._target_=others.Loss " in said
    )
    assert " 'dataset.snrs=[0,20]' " in said
    monkeypatch.setenv("AMC_XAI_TRUST", "mine.*")
    assert "AMC_XAI_TRUST='mine.*,others.*' python -m amc_xai" in said_of(cli(*given))


def test_a_module_off_the_path_gets_a_hint(cli, monkeypatch):
    monkeypatch.setenv("AMC_XAI_TRUST", "nowhere_at_all.*")
    said = said_of(cli(*tiny("loss.snr_term._target_=nowhere_at_all.Term")))
    assert said.startswith("loss.snr_term: nowhere_at_all.Term isn't on Python's path; ")
    assert (
        "in the folder that holds nowhere_at_all.py, or name that folder: PYTHONPATH=FOLDER python -m amc_xai"
        in said
    )


def test_a_misspelt_class_gets_its_near_match(cli, lab):
    said = said_of(cli(*tiny("loss._target_=lab_of_ours.Plian")))
    assert said == "loss: lab_of_ours has no Plian (did you mean Plain?)"
    said = said_of(cli(*tiny("loss._target_=amc_xai.loss.FixdWeights")))
    assert said == "loss: amc_xai.loss has no FixdWeights (did you mean FixedWeights?)"


def test_a_module_that_fails_says_why(cli, lab):
    (lab / "lab" / "lab_of_ours.py").write_text("import nowhere_at_all")
    said = said_of(cli(*tiny("loss._target_=lab_of_ours.Own")))
    assert said == "loss: lab_of_ours.Own can't be loaded (ModuleNotFoundError: No module named 'nowhere_at_all')"


def test_a_loss_that_returns_a_plain_tensor_is_told_what_to_return(cli, lab):
    done = cli(*tiny("loss._target_=lab_of_ours.Plain"))
    said = done.out.strip().splitlines()[-1]
    assert done.code == 1 and said.startswith("loss: Plain must return LossTerms(total, modulation, snr, weights)")
    assert said.endswith("returned Tensor")


def test_explaining_and_testing_need_no_loss(cli, trained, tmp_path, monkeypatch):
    state = torch.load(trained / "checkpoints" / "best.pt", weights_only=True)
    state["config"]["loss"]["_target_"] = state["config"]["optimizer"]["_target_"] = "gone.Away"
    torch.save(state, tmp_path / "own.pt")
    few = ["perturbation.selectors=[top]", "perturbation.fractions=[0.5]", "device=cpu"]
    for task in ("evaluate", "explain"):
        assert cli(f"task={task}", f"checkpoint={tmp_path}/own.pt", *few).code == 0
    # Where a copy is trained, it does.
    more = ["attribution=occlusion", "attribution.shuffled_label_epochs=1", "attribution.frames=4"]
    assert (
        "loss: a configuration may call" in cli("task=explain", f"checkpoint={tmp_path}/own.pt", *few, *more).out
    )
