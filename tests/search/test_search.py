"""Whole searches over the command line, in one process."""

import csv
import json
import os

import optuna
import psutil
import pytest
import torch
from omegaconf import OmegaConf
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import text

from amc_xai.search.storage import Heartbeat, close_storage, open_storage, run_again
from amc_xai.tasks import train as train_task


def trials_of(tmp_path, name: str) -> list[FrozenTrial]:
    storage = open_storage(f"sqlite:///{tmp_path}/multirun/{name}.db")
    trials = optuna.load_study(study_name=name, storage=storage).trials
    close_storage(storage)
    return trials


def table(tmp_path, name: str) -> list[dict]:
    with (tmp_path / "multirun" / name / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def own_search(*given: str) -> list[str]:
    return ["-m", "hydra/sweeper=study", "hydra.sweeper.study_name=own", "hydra.sweeper.n_trials=3", *given]


def test_a_search_of_ones_own_ends_with_its_best_values(amc, tmp_path, quick, capsys):
    quick(lambda number: [0.2, 0.5, 0.4][number])
    assert amc(*own_search("optimizer.lr=tag(log,interval(1e-4,1e-2))", "backbone=choice(tiny,resnet18)")) == 0
    best = trials_of(tmp_path, "own")[1]
    assert best.value == 0.5
    said = capsys.readouterr().out
    chosen = f"optimizer.lr={best.params['optimizer.lr']} backbone={best.params['backbone']}"
    assert f"best: trial 1, validation_joint_accuracy 0.5, with {chosen}\n" in said and "tied" not in said
    assert (tmp_path / "multirun/own/trials.csv").is_file()
    # The same command goes on with it.
    assert amc(*own_search("optimizer.lr=tag(log,interval(1e-4,1e-2))", "backbone=choice(tiny,resnet18)")) == 0
    assert "study own: 3 trials, 3 there already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.3, 0.3, 0.3], "all 3 trials tied: the search tells nothing; give each more epochs or frames"),
        ([0.1, 0.3, 0.3], "2 of 3 trials tied at this best value; the first of them is named"),
    ],
)
def test_ties_are_told(amc, quick, capsys, values, said):
    quick(lambda number: values[number])
    assert amc(*own_search("optimizer.lr=interval(1e-4,1e-2)")) == 0
    assert said in capsys.readouterr().out


def test_the_sweeps_folder_takes_the_database_with_it(amc, tmp_path, quick):
    quick(lambda number: 0.1)
    assert amc(*own_search("optimizer.lr=interval(1e-4,1e-2)", "hydra.sweep.dir=elsewhere/")) == 0
    assert (tmp_path / "elsewhere.db").is_file() and (tmp_path / "elsewhere/trials.csv").is_file()
    assert not (tmp_path / "multirun").exists()


def search(name: str, trials: int, *more: str) -> list[str]:
    return [
        "-m", "hparams_search=architecture", f"hydra.sweeper.study_name={name}",
        f"hydra.sweeper.n_trials={trials}", *more,
    ]  # fmt: skip


@pytest.fixture
def quick(monkeypatch):
    """Jobs that only call ``job(trial number)``, for what the sweeper does around them."""

    def replace(job):
        def run(parts, **_):
            return job(int(parts.folder.name))

        # Hydra only calls what the package's own names stand for.
        run.__module__, run.__qualname__ = "amc_xai.tasks.train", "run"
        monkeypatch.setattr(train_task, "run", run)

    return replace


def test_eight_trials_over_two_backbones_pruned_ones_marked_none_failed_and_the_best_runs(amc, tmp_path):
    # The threshold ends what stands below 60 % after two of three epochs.
    code = amc(
        *search("eight", 8), "backbone.name=choice(test_resnet,test_vit)", "hydra/sweeper/pruner=threshold",
        "hydra.sweeper.pruner.lower=0.6", "hydra.sweeper.pruner.n_warmup_steps=2", epochs=3,
    )  # fmt: skip
    assert code == 0
    trials = trials_of(tmp_path, "eight")
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 8
    assert {t.params["backbone.name"] for t in trials} == {"test_resnet", "test_vit"}
    pruned = [t for t in trials if t.user_attrs.get("pruned_epoch") == 2]
    assert pruned
    for trial in trials:
        lines = (tmp_path / "multirun/eight" / str(trial.number) / "history.jsonl").read_text().splitlines()
        values = [json.loads(line)["validation_joint_accuracy"] for line in lines]
        assert list(trial.intermediate_values.values()) == values
        assert (len(values) == 2 and values[1] < 0.6) if trial in pruned else len(values) == 3
        assert trial.value in values
    assert [row["pruned_epoch"] for row in table(tmp_path, "eight")] == [
        "2" if trial in pruned else "" for trial in trials
    ]
    figures = tmp_path / "multirun/eight/figures"
    assert {path.name for path in figures.iterdir()} == {"history.png", "importances.png", "slices.png"}

    best = max(trials, key=lambda trial: trial.value)
    # What the search itself trained on is part of the settings.
    settings = OmegaConf.load(tmp_path / "multirun/eight/experiment/best_experiment.yaml")
    assert settings.defaults[0] == "search_272"
    assert (
        amc("--config-dir", "multirun/eight", "experiment=best_experiment", "hydra.run.dir=again", tiny=False) == 0
    )
    config = torch.load(tmp_path / "again/checkpoints/best.pt", weights_only=True)["config"]
    assert config["backbone"]["name"] == best.params["backbone.name"]
    assert config["optimizer"]["lr"] == best.params["optimizer.lr"]
    assert config["dataset"]["frame_length"] == 128
    assert config["trainer"]["early_stopping"] is None  # of search_272
    assert (tmp_path / "again/metrics.json").is_file()


def test_a_resumed_search_runs_only_what_is_missing_and_numbers_on(amc, tmp_path, quick):
    quick(lambda number: 0.1 * number)
    assert amc(*search("on", 3)) == 0
    (tmp_path / "multirun/on/1/mark").write_text("mine")
    before = {t.number: (t.params, t.value, t.datetime_complete) for t in trials_of(tmp_path, "on")}
    assert amc(*search("on", 5)) == 0
    after = {t.number: (t.params, t.value, t.datetime_complete) for t in trials_of(tmp_path, "on")}
    assert sorted(after) == [0, 1, 2, 3, 4]
    assert {number: after[number] for number in before} == before
    assert (tmp_path / "multirun/on/1/mark").read_text() == "mine"
    assert (tmp_path / "multirun/on/4/.hydra").is_dir()
    # A sampler that starts over would draw the first run's parameters again.
    assert len({params["optimizer.lr"] for params, _, _ in after.values()}) == 5
    assert amc(*search("on", 5)) == 0
    assert len(trials_of(tmp_path, "on")) == 5


def test_a_failed_trial_leaves_its_reason_and_the_search_goes_on(amc, tmp_path, monkeypatch):
    real, calls = train_task.train, []

    def short_of_memory(*arguments):
        calls.append(None)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return real(*arguments)

    monkeypatch.setattr(train_task, "train", short_of_memory)
    assert amc(*search("some", 4), "optimizer.lr=choice(1e-3,1e30)") == 0
    trials = trials_of(tmp_path, "some")
    assert trials[0].state == TrialState.FAIL
    assert trials[0].user_attrs["failure"].startswith("out of memory (CUDA out of memory")
    assert "CUDA out of memory" in (tmp_path / "multirun/some/0/amc_xai.log").read_text()
    diverged = [t for t in trials[1:] if t.params["optimizer.lr"] == 1e30]
    assert diverged and len(diverged) < 3
    rows = table(tmp_path, "some")
    assert "CUDA out of memory" in rows[0]["failure"]
    for trial in trials[1:]:
        assert trial.state == (TrialState.FAIL if trial in diverged else TrialState.COMPLETE)
        assert ("loss is no longer finite" in rows[trial.number]["failure"]) == (trial in diverged)
    log = (tmp_path / "multirun/some" / str(diverged[0].number) / "amc_xai.log").read_text()
    assert "loss is no longer finite" in log


def test_a_search_in_which_all_fail_ends_in_one_sentence(amc, tmp_path, capsys, quick):
    quick(lambda number: float("nan"))
    assert amc(*search("none", 2)) == 1
    captured = capsys.readouterr()
    assert "no trial of study none completed" in captured.out
    assert "the objective is nan, not a number" in captured.out
    assert "Traceback" not in captured.out + captured.err
    assert [row["state"] for row in table(tmp_path, "none")] == ["fail", "fail"]


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("hydra.sweeper.n_trials=0", "hydra.sweeper.n_trials must be 1 or more, not 0"),
        ("hydra.sweeper.storage=null", "hydra.sweeper.storage must be the URL of a database"),
        ("hydra.sweeper.storage='sqlite://'", "hydra.sweeper.storage must name a file"),
        ("hydra.sweeper.max_repeats=-1", "hydra.sweeper.max_repeats must be 0 or more, not -1"),
        ("hydra.sweeper.grace=5", "hydra.sweeper.grace must be longer than heartbeat"),
        (
            "hydra.sweeper.direction=minimize",
            "hydra/sweeper/pruner: its lower=0.15 ends the trials",
        ),
    ],
)
def test_a_search_that_can_not_start_says_why(amc, capsys, override, sentence):
    assert amc(*search("wrong", 2), override) == 1
    captured = capsys.readouterr()
    assert sentence in captured.out
    assert "Traceback" not in captured.out + captured.err


def test_an_interrupted_trial_runs_again(amc, tmp_path, quick):
    def stopped(number):
        if number == 1:
            raise KeyboardInterrupt
        return float(number)

    quick(stopped)
    assert amc(*search("stopped", 3)) == 130
    quick(float)
    assert amc(*search("stopped", 3)) == 0
    trials = trials_of(tmp_path, "stopped")
    assert [t.state for t in trials] == [TrialState.COMPLETE, TrialState.FAIL] + [TrialState.COMPLETE] * 2
    assert trials[2].params == trials[1].params
    assert trials[2].user_attrs["repeats"] == 1
    assert table(tmp_path, "stopped")[1]["failure"] == "interrupted"


def test_a_controller_that_was_taken_for_lost_goes_on_without_that_result(amc, tmp_path, quick, capsys):
    def slept(number):
        if number == 1:  # meanwhile another controller found it silent
            storage = open_storage(f"sqlite:///{tmp_path}/multirun/slept.db")
            study = optuna.load_study(study_name="slept", storage=storage)
            study.tell(1, state=TrialState.FAIL)
            run_again(study, study.trials[1])
            close_storage(storage)
        return float(number)

    quick(slept)
    assert amc(*search("slept", 3)) == 0
    trials = trials_of(tmp_path, "slept")
    assert [t.state for t in trials] == [TrialState.COMPLETE, TrialState.FAIL] + [TrialState.COMPLETE] * 2
    assert trials[2].params == trials[1].params and trials[2].user_attrs["repeats"] == 1
    assert "trial 1 was taken for lost" in capsys.readouterr().out


def test_a_trial_that_kills_its_controller_each_time_does_not_hold_the_study(amc, tmp_path, quick):
    # Twice its controller fell silent in mid-trial, long ago; one repetition is allowed.
    storage = open_storage(f"sqlite:///{tmp_path}/multirun/deadly.db")
    study = optuna.create_study(study_name="deadly", storage=storage, direction="maximize")
    study.enqueue_trial({"optimizer.lr": 0.001})
    for _ in range(2):
        number = study.ask({"optimizer.lr": optuna.distributions.FloatDistribution(1e-5, 1e-2, log=True)}).number
        storage.record_heartbeat(study.trials[number]._trial_id)
        if number == 0:
            study.tell(0, state=TrialState.FAIL)
            run_again(study, study.trials[0])
    with storage.engine.begin() as connection:
        connection.execute(text("UPDATE trial_heartbeats SET heartbeat = datetime(heartbeat, '-1 hours')"))
    close_storage(storage)
    quick(float)
    assert amc(*search("deadly", 3), "hydra.sweeper.max_repeats=1") == 0
    trials = trials_of(tmp_path, "deadly")
    assert [t.state for t in trials] == [TrialState.FAIL] * 2 + [TrialState.COMPLETE] * 2
    rows = table(tmp_path, "deadly")
    assert rows[0]["failure"] == "lost with its worker; trial 1 runs it again"
    assert rows[1]["failure"] == "lost with its worker; its parameters, lost 2 times, don't run again"
    assert "0.001" not in [rows[2]["optimizer.lr"], rows[3]["optimizer.lr"]]


def test_a_controller_that_need_not_wait_leaves_the_living_after_grace(amc, tmp_path, quick):
    storage = open_storage(f"sqlite:///{tmp_path}/multirun/busy.db")
    running = optuna.create_study(study_name="busy", storage=storage, direction="maximize").ask()
    quick(float)
    stop = ["hydra.sweeper.wait_for_others=false", "hydra.sweeper.heartbeat=1", "hydra.sweeper.grace=2"]
    with Heartbeat(storage, [running._trial_id], 0.2):
        assert amc(*search("busy", 2), *stop) == 0
    close_storage(storage)
    assert [t.state for t in trials_of(tmp_path, "busy")] == [TrialState.RUNNING, TrialState.COMPLETE]


def test_two_objectives_leave_a_pareto_front(amc, tmp_path):
    code = amc(
        "-m", "hparams_search=multiobjective", "hydra.sweeper.n_trials=3", "hydra.sweeper.study_name=front",
        "representation.image_size=choice(16,32)",
    )  # fmt: skip
    assert code == 0
    trials = trials_of(tmp_path, "front")
    cost = {t.params["representation.image_size"]: t.values[1] for t in trials}
    rows = table(tmp_path, "front")
    assert [float(row["multiply_adds"]) for row in rows] == [t.values[1] for t in trials]
    assert [float(row["validation_joint_accuracy"]) for row in rows] == [t.values[0] for t in trials]
    assert cost[32] > cost[16]
    assert (tmp_path / "multirun/front/figures/pareto_front.png").is_file()
    front = ["--config-dir", "multirun/front", "experiment=best_experiment", "hydra.run.dir=again"]
    code = amc(*front, "task.explain_after=false", tiny=False)
    assert code == 0
    best = max((t for t in trials), key=lambda t: (t.values[0], -t.values[1]))
    config = torch.load(tmp_path / "again/checkpoints/best.pt", weights_only=True)["config"]
    assert config["representation"]["image_size"] == best.params["representation.image_size"]
    assert config["optimizer"]["lr"] == best.params["optimizer.lr"]


def test_five_trials_leave_no_thread_no_handle_and_no_memory(amc, tmp_path, monkeypatch):
    real, seen = train_task.train, []
    process = psutil.Process(os.getpid())

    def measured(*arguments):
        with open("/proc/self/status") as status:
            memory = next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))
        seen.append((memory, process.num_threads(), process.num_fds()))
        return real(*arguments)

    monkeypatch.setattr(train_task, "train", measured)
    assert amc(*search("five", 5), "tracker=wandb", "hydra/sweeper/pruner=hyperband") == 0
    (second, *counts), (last, *counts_last) = seen[1], seen[4]
    assert counts_last == counts
    assert last == pytest.approx(second, rel=0.1)
