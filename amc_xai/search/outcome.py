"""What a study leaves in the sweep's folder: best settings to run, the table of trials, Optuna's figures."""

import csv
import logging
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from omegaconf import DictConfig, OmegaConf
from optuna.trial import FrozenTrial, TrialState

from amc_xai.files import replacing
from amc_xai.search.settings import raise_logged
from amc_xai.search.storage import FAILURE, given_up, lost, times_lost

log = logging.getLogger(__name__)
NOTES = ("pruned_epoch", FAILURE, "repeats")


def finish(study: optuna.Study, config: DictConfig, folder: Path, arguments: list[str]) -> None:
    """Write what a study found into the sweep's folder and say where it lies.

    Raises:
        UserError: if no trial of the study completed.
    """
    choices = config.hydra.runtime.choices
    given = [a for a in arguments if not a.startswith(("hparams_search=", "resume="))]
    if (named := choices.get("experiment")) not in (None, "null"):  # the search brings its own data
        given = [f"experiment={named}", *(a for a in given if not a.startswith("experiment="))]
    objective = OmegaConf.select(config, "task.objective") or "objective"
    objectives = [objective] if isinstance(objective, str) else list(objective)
    made = write_outcome(study, folder, given, set(choices), objectives)
    trials = study.get_trials(deepcopy=False)
    if not any(t.state == TrialState.COMPLETE for t in trials):
        reasons = [t.user_attrs[FAILURE] for t in trials if FAILURE in t.user_attrs]
        last = f"; the last one: {reasons[-1]}" if reasons else ""
        raise_logged(f"no trial of study {study.study_name} completed (see {folder / 'trials.csv'}){last}")
    for line in best_in_words(study, objectives):
        log.info("%s", line)
    log.info("the study's table, figures and best settings are in %s; %s", folder, made)


def write_outcome(
    study: optuna.Study, folder: Path, given: list[str], groups: set[str], objectives: list[str]
) -> str:
    """Write everything that the study allows; returns how to run the best settings, in words.

    ``given`` are the overrides that all trials share, ``groups`` the names of the config groups, ``objectives``
    those of the objectives. Leaves ``trials.csv``, ``experiment/best_experiment.yaml`` and ``figures/*.png`` in
    ``folder``; with several objectives the experiment is the Pareto-optimal trial that is best in the first one.
    """
    write_table(study, folder / "trials.csv", objectives)
    if not study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]):
        return "no trial completed"
    draw_figures(study, folder / "figures", objectives)
    best = best_of(study)
    settings = [*given, *(f"{name}={value}" for name, value in best.params.items())]
    command = f"python -m amc_xai --config-dir {folder} experiment=best_experiment"
    values = ", ".join(f"{value:.6g}" for value in best.values)
    about = f"Trial {best.number} of study {study.study_name}, objective {values}"
    header = f"# @package _global_\n# {about}:\n#   {command}\n"
    with replacing(folder / "experiment" / "best_experiment.yaml") as temporary:
        temporary.write_text(header + experiment(settings, groups), encoding="utf-8")
    return f"run the best with: {command}"


def best_in_words(study: optuna.Study, objectives: list[str]) -> list[str]:
    """The best trial with its values and settings; and where others are as good, that they are."""
    best = best_of(study)
    values = ", ".join(f"{name} {value:.6g}" for name, value in zip(objectives, best.values, strict=True))
    settings = " ".join(f"{name}={value}" for name, value in best.params.items())
    lines = [f"best: trial {best.number}, {values}, with {settings or 'no setting of its own'}"]
    done = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    equal = [trial for trial in done if trial.values == best.values]
    if len(equal) == len(done) > 1:
        lines.append(f"all {len(done)} trials tied: the search tells nothing; give each more epochs or frames")
    elif len(equal) > 1:
        lines.append(f"{len(equal)} of {len(done)} trials tied at this best value; the first of them is named")
    if len(study.directions) > 1:
        lines.append(
            f"{len(study.best_trials)} trials are on the Pareto front; the best in {objectives[0]} is named"
        )
    return lines


def best_of(study: optuna.Study) -> FrozenTrial:
    """The best trial; of several objectives the one on the Pareto front that is best in the first."""
    if len(study.directions) == 1:
        return study.best_trial
    sign = 1 if study.directions[0] == optuna.study.StudyDirection.MAXIMIZE else -1
    return max(study.best_trials, key=lambda trial: sign * trial.values[0])


def experiment(overrides: list[str], groups: set[str]) -> str:
    """These overrides as the text of an ``experiment`` file: groups as defaults, values as keys."""
    defaults: list[Any] = []
    values = OmegaConf.create({})
    for override in OverridesParser.create().parse_overrides(overrides):
        if override.is_sweep_override():
            continue  # the trial has its own value
        key, value = override.key_or_group, plain(override.value())
        if override.is_delete():
            log.warning("experiment/best_experiment.yaml can't say %s; add it to the command", override.input_line)
        elif key == "experiment":
            defaults.append(value)
        elif key in groups:
            defaults.append({f"override /{key}": value})
        else:
            OmegaConf.update(values, key, value, force_add=True)
    # What an experiment brings comes first, so that the overrides stand above it.
    defaults.sort(key=lambda entry: isinstance(entry, dict))
    text = OmegaConf.to_yaml(OmegaConf.create({"defaults": [*defaults, "_self_"]}))
    return text + (OmegaConf.to_yaml(values) if len(values) else "")


def plain(value: Any) -> Any:
    """An override's value without Hydra's own types."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, dict):
        return {plain(key): plain(entry) for key, entry in value.items()}
    return value


def write_table(study: optuna.Study, path: Path, objectives: list[str]) -> None:
    """``trials.csv``: one row a trial, with state, value(s), seconds, parameters, and why it failed.

    The objective's column is ``value``; several objectives have one each, under their names.
    """
    trials = study.get_trials(deepcopy=False)
    gone = lost(trials)
    objectives = ["value"] if len(study.directions) == 1 else objectives
    names = sorted({name for trial in trials for name in trial.params})
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["number", "state", *objectives, "epochs", "seconds", *NOTES, *names])
        for trial in trials:
            notes = {name: trial.user_attrs.get(name, "") for name in NOTES}
            if trial.state == TrialState.FAIL and not notes[FAILURE]:
                again = gone.get(trial.number)  # never trial 0
                what = f"trial {again} runs it again" if again else given_up(times_lost(trials, trial.number))
                notes[FAILURE] = f"lost with its worker; {what}"
            values = trial.values if trial.values is not None else [""] * len(study.directions)
            seconds = f"{trial.duration.total_seconds():.1f}" if trial.duration else ""
            cells = [trial.number, trial.state.name.lower(), *values, trial.last_step or "", seconds]
            table.writerow([*cells, *notes.values(), *(trial.params.get(name, "") for name in names)])


def draw_figures(study: optuna.Study, folder: Path, objectives: list[str]) -> list[Path]:
    """Optuna's own figures, those that the study has enough trials for; ``objectives`` names their axes."""
    import matplotlib

    matplotlib.use("Agg")
    logging.getLogger("matplotlib").setLevel(logging.WARNING)  # it remarks on choices that read like numbers
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as draw

    completed = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    varied = len({tuple(sorted(t.params.items())) for t in completed}) > 1
    if len(study.directions) > 1:
        front = partial(draw.plot_pareto_front, target_names=objectives)
        wanted = {"pareto_front": front} if len(study.directions) <= 3 else {}
    else:
        wanted = {"history": draw.plot_optimization_history}
        if varied:
            wanted |= {"importances": draw.plot_param_importances, "slices": draw.plot_slice}
        wanted = {name: partial(plot, target_name=objectives[0]) for name, plot in wanted.items()}
    made = []
    for name, plot in wanted.items():
        # Optuna sets a style for the whole process, and later figures shouldn't change by a search before them.
        with warnings.catch_warnings(), matplotlib.rc_context():
            warnings.simplefilter("ignore")  # marked experimental, and hints about layout
            try:
                axes = plot(study)
            except (ValueError, RuntimeError) as error:
                log.info("no figure %s: %s", name, error)
                continue
            figure = (axes.flat[0] if hasattr(axes, "flat") else axes).figure
            tidy(figure, wide=name == "slices")
            with replacing(folder / f"{name}.png") as temporary:
                figure.savefig(temporary, dpi=120, bbox_inches="tight")
            pyplot.close("all")
        made.append(folder / f"{name}.png")
    return made


def tidy(figure: Any, wide: bool) -> None:
    """What Optuna's figures lack: room for names, and an axis for costs that differ by orders of magnitude."""
    for axes in figure.axes:
        texts = [label.get_text() for label in axes.get_xticklabels()]
        if any(text.startswith("'") for text in texts):  # several choices don't fit side by side
            axes.set_xticks(axes.get_xticks(), [text.strip("'") for text in texts], rotation=90)
        values = [float(y) for drawn in axes.collections for y in drawn.get_offsets()[:, 1]]
        flat = axes.name != "3d"
        if flat and values and min(values) > 0 and max(values) > 100 * min(values):
            axes.set_yscale("log")
        if axes.get_legend() is not None:
            axes.legend(loc="best")  # beside the axes it takes half of the figure
    if not wide:
        figure.tight_layout()


def describe(value: Any, attributes: dict[str, Any]) -> str:
    """A finished trial in words."""
    values = value if isinstance(value, list | tuple) else [value]
    text = ", ".join(f"{v:.6g}" for v in values)
    pruned = attributes.get("pruned_epoch")
    return f"{text}, pruned after {pruned} epochs" if pruned else text
