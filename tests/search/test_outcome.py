"""What a search leaves: figures that name what they show."""

import matplotlib
import optuna
import pytest

from amc_xai.search import outcome


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Draw a study; returns the axes of its figures, by file name."""
    found, tidy = {}, outcome.tidy

    def watched(figure, **given):
        tidy(figure, **given)
        found[len(found)] = list(figure.axes)

    monkeypatch.setattr(outcome, "tidy", watched)

    def draw(study, objectives):
        found.clear()
        paths = outcome.draw_figures(study, tmp_path, objectives)
        assert all(path.is_file() for path in paths)
        return dict(zip([path.name for path in paths], found.values(), strict=True))

    return draw


def values(trial) -> tuple[float, float]:
    backbone = trial.suggest_categorical("backbone", ["resnet18", "swin_t"])
    rate = trial.suggest_float("optimizer.lr", 1e-5, 1e-2, log=True)
    return 0.5 - rate, 1e6 if backbone == "resnet18" else 1e9


@pytest.mark.filterwarnings("ignore")  # optuna's own, of what it calls experimental
def test_the_figures_name_the_objective_and_leave_no_style_behind(drawn):
    study = optuna.create_study(direction="maximize")
    study.optimize(lambda trial: values(trial)[0], n_trials=12)
    drawn(study, ["accuracy"])  # what matplotlib sets when it is first loaded isn't asked about
    before = dict(matplotlib.rcParams)
    figures = drawn(study, ["accuracy"])
    assert dict(matplotlib.rcParams) == before
    assert sorted(figures) == ["history.png", "importances.png", "slices.png"]
    assert figures["history.png"][0].get_ylabel() == "accuracy"
    backbone = figures["slices.png"][0]
    assert (backbone.get_xlabel(), backbone.get_ylabel()) == ("backbone", "accuracy")
    assert {label.get_text() for label in backbone.get_xticklabels()} == {"resnet18", "swin_t"}
    # An accuracy doesn't need it.
    assert {axes.get_yscale() for axes in figures["slices.png"][:2]} == {"linear"}


@pytest.mark.filterwarnings("ignore")
def test_a_front_shows_costs_of_any_size(drawn):
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.optimize(values, n_trials=12)
    [[axes]] = drawn(study, ["accuracy", "multiply_adds"]).values()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("accuracy", "multiply_adds")
    assert axes.get_yscale() == "log"


@pytest.mark.filterwarnings("ignore")
def test_three_objectives_have_a_front_and_four_have_none(drawn):
    for number, wanted in ((3, {"pareto_front.png"}), (4, set())):
        study = optuna.create_study(directions=["maximize"] * number)
        study.optimize(lambda trial, n=number: [values(trial)[0]] * n, n_trials=3)
        assert set(drawn(study, [f"objective_{i}" for i in range(number)])) == wanted
