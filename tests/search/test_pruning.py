"""Which trials end early, and after how many epochs: jobs that only report."""

from pathlib import Path
from zlib import crc32

import optuna
import pytest
from omegaconf import OmegaConf
from optuna.pruners import NopPruner
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from amc_xai.errors import UserError
from amc_xai.search import job
from amc_xai.search.pruning import AnyOf, check_direction

PRUNERS = Path(__file__).parents[2] / "conf/hydra/sweeper/pruner"


def configured(name: str, epochs: int, **changed) -> optuna.pruners.BasePruner | None:
    config = OmegaConf.create({"trainer": {"epochs": epochs}, "pruner": OmegaConf.load(PRUNERS / f"{name}.yaml")})
    chosen = OmegaConf.to_container(config, resolve=True)["pruner"]
    return job.make_pruner({**chosen, **changed} if chosen else None)


@pytest.fixture
def study(monkeypatch):
    """A study in memory, which jobs find under any URL."""
    storage = InMemoryStorage()
    monkeypatch.setattr(job, "open_storage", lambda url: storage)
    monkeypatch.setattr(job, "close_storage", lambda storage: None)
    return optuna.create_study(study_name="ended", storage=storage, direction="maximize")


@pytest.fixture
def run(study):
    """Run the next trial as its job does; returns after how many epochs it was pruned, or None."""

    def trial(pruner, values: list[float]) -> int | None:
        number = study.ask().number
        mine = job.JobTrial("", "ended", number, pruner)
        for epoch, value in enumerate(values, 1):
            if mine.report(epoch, value, epoch == len(values)):
                break
        mine.close()
        study.tell(number, value)
        frozen = study.trials[number]
        assert frozen.state == TrialState.COMPLETE and frozen.last_step == epoch
        return frozen.user_attrs.get("pruned_epoch")

    return trial


# Optuna gives bracket s of S its share of the trials: ceil(S * 3 ** (S - 1 - s) / (S - s)), from 0.
SHARES = {9: (3, 2), 27: (9, 5, 3)}


def bracket(epochs: int, number: int) -> int:
    """The bracket of a trial where trainings have so many epochs; it is drawn from the study's name."""
    shares = SHARES[epochs]
    place = crc32(f"ended_{number}".encode()) % sum(shares)
    return next(s for s in range(len(shares)) if place < sum(shares[: s + 1]))


@pytest.mark.parametrize("epochs", [9, 27])
def test_hyperband_ends_the_worse_at_the_first_rung_of_their_bracket(run, epochs):
    # Each trial is worse than those before it, so all but the first of a bracket end at its first rung.
    ended = [run(configured("hyperband", epochs), [0.9 - 0.05 * number] * epochs) for number in range(12)]
    brackets = [bracket(epochs, number) for number in range(12)]
    assert set(brackets) == set(range(len(SHARES[epochs])))
    for number, found in enumerate(ended):
        rung = 3 * 3 ** brackets[number]
        first = brackets.index(brackets[number]) == number
        # The rung of the last bracket is the last epoch, after which there is nothing to end.
        assert found == (None if first or rung == epochs else rung)
    assert 3 in ended


def test_the_better_go_on_and_trainings_of_three_epochs_are_never_ended(run):
    assert [run(configured("hyperband", 9), [0.1 * number] * 9) for number in range(6)] == [None] * 6
    assert isinstance(configured("hyperband", 3), NopPruner)
    assert configured("none", 9) is None


def test_trials_of_other_lengths_are_compared_after_the_same_epochs(run, study):
    # A value says after how many epochs it was reported; each trial is better than those before it, so none ends.
    lengths = [9, 27, 9, 27, 27, 9, 27, 9, 27, 9]
    for number, epochs in enumerate(lengths):
        values = [epoch + number / 100 for epoch in range(1, epochs + 1)]
        assert run(configured("hyperband", epochs), values) is None
    for trial, epochs in zip(study.trials, lengths, strict=True):
        rungs = {k: int(v) for k, v in trial.system_attrs.items() if k.startswith("completed_rung_")}
        # The brackets are those of the study's first trial, whatever the length of this one.
        wanted = [3 * 3**k for k in range(bracket(9, trial.number), 3) if 3 * 3**k <= epochs]
        assert rungs == {f"completed_rung_{place}": step for place, step in enumerate(wanted)}


def test_auto_waits_for_the_first_training_to_end_and_takes_its_length(run, study):
    chosen = {"epochs": 9, "max_resource": "auto"}
    ended = [run(configured("hyperband", **chosen), [0.9 - 0.1 * number] * 9) for number in range(8)]
    assert study.user_attrs == {"hyperband_max_resource": 9}
    # The first trial had nothing to be compared with and isn't on the books.
    low = [number for number in range(1, 8) if bracket(9, number) == 0]
    assert [number for number, epoch in enumerate(ended) if epoch == 3] == low[1:]


@pytest.mark.parametrize("name", ["threshold", "hyperband_threshold"])
def test_what_is_below_15_percent_ends_from_epoch_3_on(run, name):
    def threshold(values):
        return run(configured(name, 9), values)

    assert threshold([0.1] * 9) == 3
    assert threshold([0.0, 0.1, 0.9, 0.9, 0.149, *[0.9] * 4]) == 5
    if name == "threshold":
        assert threshold([0.1, 0.1, *[0.15] * 7]) is None
        assert threshold([0.9] * 8 + [0.1]) is None


def test_the_default_pruner_is_both(run):
    ended = [run(configured("hyperband_threshold", 9), [max(0.9 - 0.05 * n, 0.2)] * 9) for n in range(10)]
    low = [n for n in range(10) if bracket(9, n) == 0]
    assert [n for n, epoch in enumerate(ended) if epoch == 3] == low[1:]
    for search in ("architecture", "optimizer", "representation"):
        defaults = OmegaConf.load(PRUNERS.parents[2] / f"hparams_search/{search}.yaml").defaults
        assert {"override /hydra/sweeper/pruner": "hyperband_threshold"} in defaults


@pytest.mark.parametrize("strict_first", [True, False])
def test_each_pruner_of_several_is_asked_whatever_the_others_say(study, strict_first):
    """Hyperband writes down the rung that a trial reached; it compares later trials with those written down."""
    strict = optuna.pruners.ThresholdPruner(lower=0.5)
    hyperband = configured("hyperband", 9)
    both = AnyOf([strict, hyperband] if strict_first else [hyperband, strict])
    while bracket(9, (number := study.ask().number)):
        study.tell(number, 0.0)
    mine = job.JobTrial("", "ended", number, both)
    for epoch in (1, 2, 3):
        assert mine.report(epoch, 0.1 * epoch)
    assert study.trials[number].system_attrs["completed_rung_0"] == pytest.approx(0.3)


def test_a_study_of_two_objectives_is_not_pruned(study):
    optuna.create_study(study_name="two", storage=study._storage, directions=["maximize", "minimize"]).ask()
    mine = job.JobTrial("", "two", 0, configured("threshold", 9))
    assert not any(mine.report(epoch, 0.0) for epoch in range(1, 6))


def test_a_trial_that_was_taken_for_lost_ends(study, caplog):
    mine = job.JobTrial("", "ended", study.ask().number)
    assert not mine.report(1, 0.5)
    study.tell(0, state=TrialState.FAIL)
    assert mine.report(2, 0.5)
    assert "trial 0 ends here: it was taken for lost" in caplog.text
    assert study.trials[0].intermediate_values == {1: 0.5}


def test_a_lower_bound_is_refused_in_a_search_for_the_least():
    both = OmegaConf.to_container(OmegaConf.load(PRUNERS / "hyperband_threshold.yaml"))
    with pytest.raises(UserError, match=r"lower=0\.15 ends the trials that stand below, the best ones"):
        check_direction(both, ["minimize"])
    check_direction(both, ["maximize"])
    for name in ("hyperband", "none"):
        check_direction(OmegaConf.to_container(OmegaConf.load(PRUNERS / f"{name}.yaml")), ["minimize"])
