"""With ``resume=auto`` a trial that was lost or interrupted goes on where it stood, under its new number."""

import json
import signal

import optuna
import torch
from optuna.trial import TrialState

from amc_xai.search.job import JobTrial
from amc_xai.search.storage import close_storage, open_storage

SEARCH = [
    "-m",
    "hparams_search=architecture",
    "hydra.sweeper.study_name=on",
    "hydra.sweeper.n_trials=1",
    "resume=auto",
]


def test_an_interrupted_trial_goes_on_from_the_epochs_that_it_has(amc, tmp_path, monkeypatch):
    report, reported = JobTrial.report, []

    def stopped(self, epochs, value, last=False):
        reported.append((self.number, epochs))
        if len(reported) == 2:
            signal.raise_signal(signal.SIGINT)
        return report(self, epochs, value, last)

    monkeypatch.setattr(JobTrial, "report", stopped)
    assert amc(*SEARCH, epochs=3) == 130
    assert amc(*SEARCH, epochs=3) == 0
    assert reported == [(0, 1), (0, 2), (1, 3)]
    storage = open_storage(f"sqlite:///{tmp_path}/multirun/on.db")
    first, second = optuna.load_study(study_name="on", storage=storage).trials
    close_storage(storage)
    assert (first.state, second.state) == (TrialState.FAIL, TrialState.COMPLETE)
    folders = [tmp_path / "multirun/on" / number for number in "01"]
    rows = [[json.loads(line) for line in (f / "history.jsonl").read_text().splitlines()] for f in folders]
    assert rows[1][:2] == rows[0] and len(rows[1]) == 3
    # What it reported before is told again, for pruners compare epochs.
    assert list(second.intermediate_values.values()) == [row["validation_joint_accuracy"] for row in rows[1]]
    last = torch.load(folders[1] / "checkpoints/last.pt", weights_only=True)
    assert last["config"]["resume"] == str(folders[0] / "checkpoints/last.pt")
    assert (folders[1] / "checkpoints/best.pt").is_file()
    assert "resume" not in (tmp_path / "multirun/on/experiment/best_experiment.yaml").read_text()
