"""``task=train``: train, test the best weights on held-out frames, explain, report."""

import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from amc_xai.data.contracts import SamplerHooks
from amc_xai.errors import UserError, guess
from amc_xai.hooks import defines, hooks_of
from amc_xai.model.size import COSTS, write_model_card
from amc_xai.parts import Parts
from amc_xai.progress import progress
from amc_xai.search import job_trial
from amc_xai.tasks.explaining import explain
from amc_xai.tasks.next_step import after_training
from amc_xai.tasks.perturbing import check_explainable
from amc_xai.tasks.reporting import report
from amc_xai.tasks.teaching import refuse_changed_frames
from amc_xai.tasks.testing import test
from amc_xai.tasks.tracked import track_test, tracked
from amc_xai.tasks.workbench import Workbench, device_text
from amc_xai.training import check_resumable, load_checkpoint, mean_batches, parameter_groups, train
from amc_xai.training.history import COLUMNS
from amc_xai.training.parallel import another_is_gone

log = logging.getLogger(__name__)


def run(
    parts: Parts,
    name: str = "train",
    objective: str | list[str] = "validation_joint_accuracy",
    test_after: bool = True,
    explain_after: bool = True,
    explain_frames: int | None = 100,
    needs_checkpoint: bool = False,
) -> float | list[float]:
    """Train as configured and return the best epoch's ``objective``.

    It is a column of ``history.jsonl`` or ``multiply_adds`` (of the network, for one frame); a list of them for
    a search with several objectives. ``explain_frames`` bounds ``perturbation.frames`` here, None doesn't.
    """
    names = [objective] if isinstance(objective, str) else objective
    if not names:
        raise UserError("task.objective must name at least one column of history.jsonl, or a cost of the network")
    refuse_own_folder(parts)
    if explain_after:
        parts.make["perturbation"].chosen()  # what is wrong with a selector is not for the end of a training
    bench = Workbench.build(parts)
    if len(bench.split.validation) == 0:
        raise UserError(
            "split.ratios: a training is measured on the validation part after every epoch, and that holds no "
            "frame; give it a share above 0, such as [0.8,0.1,0.1]"
        )
    if explain_after:
        check_explainable(bench)
    parts, main = bench.parts, bench.accelerator.is_main_process
    options = parts.make["trainer"]
    loss = parts.make["loss"](bench.classifier.snrs)
    optimizer = parts.make["optimizer"](parameter_groups(bench.classifier.network, loss))
    augment = parts.make["augmentation"](bench.source, rank=bench.accelerator.process_index)
    refuse_changed_frames(parts, augment)
    training = bench.training_batches()
    # What a backbone of one's own reports, its first epoch will tell.
    if not defines(bench.classifier.network.backbone, "report"):
        reported = hooks_of(training.batch_sampler, SamplerHooks).report()
        refuse_unknown(names, (*COSTS, *COLUMNS, *reported))
    schedule = parts.make["scheduler"](optimizer, options.epochs, mean_batches(training, options.epochs))
    resume_from = parts.config["resume"]
    if resume_from is not None:
        check_resumable(parts.loaded, loss, optimizer, schedule)
        best_so_far = Path(resume_from).parent / "best.pt"
        if parts.loaded["state"]["best_epoch"] >= 0 and not best_so_far.is_file():
            raise UserError(f"resume: the training's best epoch so far is missing: there is no {best_so_far}")
    log.info(
        "%d classes x %d SNRs, %d frames for training, %d for validation, %d for testing; %s parameters on %s",
        len(bench.source.modulations), len(bench.source.snrs), len(bench.split.train),
        len(bench.split.validation), len(bench.split.test),
        f"{sum(p.numel() for p in bench.classifier.parameters()):,}", device_text(bench.accelerator),
    )  # fmt: skip
    costs = {}
    if main:
        shape = bench.classifier.representation.output_shape(bench.source.frame_length)
        card = parts.folder / "model.json"
        written = write_model_card(bench.classifier.network, shape, device_text(bench.accelerator), card)
        costs = {name: written[name] for name in COSTS if written[name] is not None}
        refuse_unknown((name for name in names if name in COSTS), costs)
    if resume_from is not None:
        log.info("resuming from %s after %d epochs", resume_from, parts.loaded["state"]["epoch"])
        if best_so_far.is_file() and main and best_so_far.parent != parts.folder / "checkpoints":
            (parts.folder / "checkpoints").mkdir(exist_ok=True)
            shutil.copyfile(best_so_far, parts.folder / "checkpoints" / "best.pt")
    trial = job_trial()
    if trial is not None and parts.loaded is not None:
        rows = [{**row, **costs} for row in parts.loaded["state"]["history"]]
        trial.recall({row["epoch"] + 1: row[names[0]] for row in rows if names[0] in row})

    def on_epoch(row: dict) -> bool:
        refuse_unknown(names, (*costs, *row))
        tracker.log(row)
        done = row["epoch"] + 1
        return trial is not None and trial.report(done, {**row, **costs}[names[0]], done == options.epochs)

    try:
        with tracked(bench) as tracker:
            state = train(
                bench.classifier, loss, optimizer, schedule, training,
                bench.evaluation_batches(bench.share(bench.split.validation)), options, bench.accelerator,
                parts.folder, bench.about(), parts.loaded, progress if main else unwatched, on_epoch, augment,
            )  # fmt: skip
            best = load_checkpoint(parts.folder / "checkpoints" / "best.pt")
            bench.classifier.network.load_state_dict(best["network"])
            values = test(bench, bench.split.test) if test_after and len(bench.split.test) else None
            if explain_after and len(bench.split.test):
                explain(bench, bench.split.test, explain_frames)
            report(bench, values)
            tracker.checkpoint(parts.folder / "checkpoints" / "best.pt")
            track_test(tracker, bench, values)
    except RuntimeError as error:
        if not another_is_gone(error, bench.accelerator):
            raise
        last = parts.folder / "checkpoints" / "last.pt"
        raise UserError(
            f"another process of this training is gone; go on with: python -m amc_xai resume={last}"
        ) from error
    except KeyboardInterrupt:
        last = parts.folder / "checkpoints" / "last.pt"
        log.warning("stopped; go on with: python -m amc_xai resume=%s", last)
        raise
    finally:
        if trial is not None:
            trial.close()
    if main and len(bench.split.test):
        after_training(parts.folder)
    best_row = {**state.history[state.best_epoch], **costs}
    values = [best_row[name] for name in names]
    return values[0] if isinstance(objective, str) else values


def refuse_unknown(names: Iterable[str], known: Iterable[str]) -> None:
    """Refuse an objective that no epoch has."""
    known = list(known)
    for missing in (name for name in names if name not in known):
        raise UserError(
            f"task.objective: there is no {missing}{guess(missing, known)}; choose from {', '.join(known)}"
        )


def refuse_own_folder(parts: Parts) -> None:
    """A run that is resumed in its own folder would write over what it goes on from.

    Of several processes the first has the run folder, and the others stand wherever the command was given.
    """
    first = int(os.environ.get("RANK", 0)) == 0
    named = parts.config["resume"] if first and not parts.goes_on else None
    if named is not None and parts.folder.resolve() in Path(named).resolve().parents:
        raise UserError(
            f"hydra.run.dir: {parts.folder} is the folder of the run to resume, and its files would be written "
            "over; leave hydra.run.dir out, name a new folder, or go on in this one with resume=auto"
        )


def unwatched(batches: Iterable, text: str, done: int, total: int) -> Iterable:
    """The other processes of a training draw no progress bar."""
    return batches
