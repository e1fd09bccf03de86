"""``task=train``: train, test the best weights on held-out frames, explain, report."""

import logging
import shutil
from pathlib import Path

from amc_xai.model.size import write_model_card
from amc_xai.parts import Parts
from amc_xai.progress import progress
from amc_xai.tasks.scoring import explain, report, test
from amc_xai.tasks.workbench import Workbench, device_text
from amc_xai.training import load_checkpoint, mean_batches, parameter_groups, train

log = logging.getLogger(__name__)


def run(
    parts: Parts,
    name: str = "train",
    objective: str = "validation_joint_accuracy",
    test_after: bool = True,
    explain_after: bool = True,
    needs_checkpoint: bool = False,
) -> float:
    """Train as configured and return the best epoch's ``objective``, a column of ``history.jsonl``."""
    bench = Workbench.build(parts)
    options = parts.make["trainer"]
    loss = parts.make["loss"](bench.classifier.snrs)
    optimizer = parts.make["optimizer"](parameter_groups(bench.classifier.network, loss))
    augment = parts.make["augmentation"](bench.source, rank=bench.accelerator.process_index)
    training = bench.training_batches()
    schedule = parts.make["scheduler"](optimizer, options.epochs, mean_batches(training, options.epochs))
    log.info(
        "%d classes x %d SNRs, %d frames for training, %d for validation, %d for testing; %s parameters on %s",
        len(bench.source.modulations), len(bench.source.snrs), len(bench.split.train),
        len(bench.split.validation), len(bench.split.test),
        f"{sum(p.numel() for p in bench.classifier.parameters()):,}", device_text(bench.accelerator),
    )  # fmt: skip
    if bench.accelerator.is_main_process:
        shape = bench.classifier.representation.output_shape(bench.source.frame_length)
        card = parts.folder / "model.json"
        write_model_card(bench.classifier.network, shape, device_text(bench.accelerator), card)
    resume_from = parts.config["resume"]
    if resume_from is not None:
        log.info("resuming from %s after %d epochs", resume_from, parts.loaded["state"]["epoch"])
        best_so_far = Path(resume_from).parent / "best.pt"
        if best_so_far.is_file():
            (parts.folder / "checkpoints").mkdir(exist_ok=True)
            shutil.copyfile(best_so_far, parts.folder / "checkpoints" / "best.pt")
    tracker = parts.make["tracker"]()
    tracker.start(parts.folder, parts.config, parts.overrides)
    failed = True
    try:
        state = train(
            bench.classifier, loss, optimizer, schedule, training,
            bench.evaluation_batches(bench.split.validation), options, bench.accelerator, parts.folder,
            bench.about(), parts.loaded, progress, tracker.log, augment,
        )  # fmt: skip
        best = load_checkpoint(parts.folder / "checkpoints" / "best.pt")
        bench.classifier.network.load_state_dict(best["network"])
        values = test(bench, bench.split.test) if test_after and len(bench.split.test) else None
        if explain_after and len(bench.split.test):
            explain(bench, bench.split.test)
        report(bench, values)
        tracker.summary(values or {})
        tracker.figures(sorted((parts.folder / "figures").glob("*.png")))
        failed = False
    except KeyboardInterrupt:
        last = parts.folder / "checkpoints" / "last.pt"
        log.warning("stopped; go on with: python -m amc_xai resume=%s", last)
        raise
    finally:
        tracker.finish(failed)
    return state.history[state.best_epoch][objective]
