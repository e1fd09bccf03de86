"""What a training gives back to a search, and to an experiment tracker."""

import json

import pytest

from amc_xai.errors import UserError
from amc_xai.model.size import COSTS
from amc_xai.tasks import train
from amc_xai.tasks.tracked import tracked
from amc_xai.tracking import NoTracker
from amc_xai.training.history import COLUMNS
from tests.conftest import tiny

QUICK = {"test_after": False, "explain_after": False}


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ("typo", r"there is no typo; choose from parameters, multiply_adds, epoch, .*validation_joint_accuracy"),
        (["validation_loss", "device"], "there is no device; choose from parameters, multiply_adds, epoch"),
        ("curriculum_share", "there is no curriculum_share"),
        ([], "must name at least one column"),
    ],
)
def test_an_objective_that_no_epoch_has_is_refused_before_work(parts_of_command, tmp_path, objective, words):
    with pytest.raises(UserError, match=rf"^task\.objective:? {words}"):
        train.run(parts_of_command(*tiny()), objective=objective, **QUICK)
    assert not list(tmp_path.iterdir())


def test_every_name_that_is_offered_is_one_that_a_training_has(parts_of_command, tmp_path):
    names = [*COSTS, *COLUMNS, "curriculum_share"]
    values = train.run(parts_of_command(*tiny("curriculum=snr")), objective=names, **QUICK)
    [row] = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    costs = json.loads((tmp_path / "model.json").read_text())
    assert values == [{**costs, **row}[name] for name in names]
    assert set(row) == {*COLUMNS, "curriculum_share"}


def test_what_a_backbone_reports_of_itself_can_be_an_objective(parts_of_command):
    given = ["backbone=moe_amc", "representation=iq", "dataset.frame_length=64"]
    share = train.run(parts_of_command(*tiny(*given)), objective="gate_low_snr", **QUICK)
    assert 0 <= share <= 1


def test_a_tracked_task_that_fails_ends_its_run_as_failed(bench_of):
    ends = []

    class Told(NoTracker):
        def finish(self, failed=False):
            ends.append(failed)

    bench = bench_of()
    bench.parts.make["tracker"] = Told
    with tracked(bench):
        pass
    with pytest.raises(RuntimeError), tracked(bench):
        raise RuntimeError
    assert ends == [False, True]
