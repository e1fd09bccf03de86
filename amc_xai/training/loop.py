"""The training loop, to be read from top to bottom."""

import logging
import math
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import torch
from accelerate import Accelerator

from amc_xai.data import Batch, SamplerHooks
from amc_xai.errors import UserError
from amc_xai.hooks import defines, hooks_of
from amc_xai.loss import LossHooks, Target
from amc_xai.model import BackboneHooks, Classifier
from amc_xai.training.ema import MovingAverage
from amc_xai.training.history import scores, write_history
from amc_xai.training.interrupt import Interrupt
from amc_xai.training.parallel import (
    any_process,
    in_parallel,
    mean_of_all,
    mean_over_batch,
    of_first_process,
    on_device,
    same_buffers,
    shares_of_epoch,
    total,
)
from amc_xai.training.prepared import prepared
from amc_xai.training.schedule import Schedule
from amc_xai.training.session import Session, State, TrainerOptions
from amc_xai.training.speed import channels_last, compile_in_place, undo_compile
from amc_xai.training.step import Answer, descend, loss_scale
from amc_xai.training.sums import Named, Sums, in_words

log = logging.getLogger(__name__)
Progress = Callable[[Iterable, str, int, int], Iterable]
LOOK_EVERY = 16  # steps: reading the loss waits for the device, and asking other processes for all of them


def train(
    classifier: Classifier,
    loss: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: Schedule,
    training: Iterable,
    validation: Iterable,
    options: TrainerOptions,
    accelerator: Accelerator,
    folder: Path,
    about: dict,
    resume: dict | None = None,
    progress: Progress = lambda batches, text, done, total: batches,
    on_epoch: Callable[[dict], bool | None] = lambda row: None,
    augment: Callable = lambda batch, epoch, step: batch,
) -> State:
    """Train until the epochs are over, the validation loss stops falling, or the user stops it.

    ``training.batch_sampler`` takes ``epoch`` and ``start``. ``about`` is stored in every checkpoint and makes
    it self-describing; ``resume`` is a loaded ``last.pt``; training ends early when ``on_epoch`` returns True.
    Of several processes each gets its share of the batches, and the first one writes and calls ``on_epoch``.
    Leaves ``checkpoints/best.pt`` (lowest validation loss), ``checkpoints/last.pt`` and ``history.jsonl`` in
    ``folder``, and the network as it was built, in full precision, with the last weights. With ``options.ema`` the
    averaged weights are validated and make ``best.pt``; ``last.pt`` has the trained ones and, apart, the average.

    ``train_loss`` and ``validation_loss`` of the history are the plain sum of both tasks' losses, or the loss of
    the one task that is trained: weights that are learned would move the yardstick.

    What the loss, the backbone and the sampler may do beside: ``LossHooks``, ``BackboneHooks``, ``SamplerHooks``.

    Raises:
        UserError: as soon as the loss isn't finite, or for parts or options that can't go together.
        KeyboardInterrupt: after Ctrl-C, with ``last.pt`` written so that ``resume`` goes on from that step; a
            scheduler's handler of SIGTERM or SIGUSR2 comes to its turn instead, once that is written.
    """
    if options.compile and defines(loss, "balance"):
        raise UserError(
            "trainer.compile: gradnorm takes several gradients from one pass, which compiled code can't give; "
            "use trainer.compile=false or another loss"
        )
    network = classifier.to(accelerator.device).network
    if channels_last(options.channels_last, accelerator.device):
        network.to(memory_format=torch.channels_last)
    average = MovingAverage(network, options.ema) if options.ema is not None else None
    compiled = options.compile and compile_in_place(network, accelerator.device)
    parts = (classifier, loss.to(accelerator.device), optimizer, schedule, options, accelerator)
    session = Session(*parts, folder, about, average)
    if resume is not None:
        session.take_up(resume)
    state, saying = session.state, hooks_of(session.evaluated.backbone, BackboneHooks)
    weighing, sampling = hooks_of(loss, LossHooks), hooks_of(training.batch_sampler, SamplerHooks)
    answer = in_parallel(Answer(network, loss, accelerator), accelerator)
    training, validation = on_device(training, accelerator), on_device(validation, accelerator)
    if accelerator.is_main_process:
        write_history(folder, state.history)

    with Interrupt() as interrupt:
        session.save_last()
        while state.epoch < options.epochs and not stopped_improving(state, options.early_stopping):
            begin = time.perf_counter()
            trained = train_epoch(session, answer, training, weighing, sampling, interrupt, progress, augment)
            seconds = time.perf_counter() - begin
            validated, weights = validate(session, validation, interrupt, progress)
            row = {
                "epoch": state.epoch,
                **scores(trained, validated, weights),
                "learning_rate": optimizer.param_groups[0]["lr"],
                "weight_modulation": weights[0],
                "weight_snr": weights[1],
                "frames_per_second": trained["new_frames"] / seconds,
                "seconds": time.perf_counter() - begin,
                **mean_of_all(saying.report(), accelerator),
                **sampling.report(),
            }
            improved = row["validation_loss"] < state.best_loss
            weighing.after_epoch(*(trained[f"{task}_loss"] / trained["frames"] for task in ("modulation", "snr")))
            schedule.after_epoch(row["validation_loss"])
            state.history.append(row)
            if improved:
                state.best_loss, state.best_epoch = row["validation_loss"], state.epoch
            state.epoch, state.step, state.running = state.epoch + 1, 0, {}
            if accelerator.is_main_process:
                write_history(folder, state.history)
            ended = of_first_process(accelerator.is_main_process and bool(on_epoch(row)), accelerator)
            log.info(
                "epoch %d/%d: loss %.4f, validation loss %.4f, modulation %.1f %%, SNR %.1f %%, joint %.1f %%",
                state.epoch, options.epochs, row["train_loss"], row["validation_loss"],
                *(100 * row[f"validation_{task}_accuracy"] for task in ("modulation", "snr", "joint")),
            )  # fmt: skip
            if improved:
                session.save_best()
            session.save_last()
            if any_process(interrupt.requested, accelerator):
                interrupt.answer()
            if ended:
                break
    if compiled:
        undo_compile(network)
    accelerator.wait_for_everyone()
    return state


def train_epoch(
    session: Session,
    answer: torch.nn.Module,
    batches: Iterable,
    weighing: LossHooks,
    sampling: SamplerHooks,
    interrupt: Interrupt,
    progress: Progress,
    augment: Callable,
) -> dict[str, float]:
    """Step through the epoch from where the state stands; the epoch's sums, and ``new_frames`` of this call."""
    state, accelerator, scaler = session.state, session.accelerator, session.accelerator.scaler
    network, options = session.classifier.network, session.options
    batches.batch_sampler.epoch, batches.batch_sampler.start = state.epoch, state.step
    steps = len(batches)  # a curriculum gives each epoch its own number
    share_of = shares_of_epoch(sampling, accelerator)
    # What several processes had summed up before an interruption is counted once, by the first.
    sums = Sums(state.running if accelerator.is_main_process else None)
    frames_before = state.running.get("frames", 0)
    answer.train()
    text, done = f"training, epoch {state.epoch + 1} of {options.epochs}", state.epoch * steps + state.step
    epoch = state.epoch

    def augmented(batch: Batch, step: int) -> Batch:
        return augment(batch, epoch, step)

    with closing(prepared(batches, augmented, session.represent, state.step, session.ahead)) as pairs:
        for batch, x in progress(pairs, text, done, options.epochs * steps):
            target = Target(batch.modulation, batch.snr, batch.posterior)
            session.recent.before_step(len(batch.snr), epoch, state.step, steps)
            prediction, terms = answer(x, target)
            share = share_of(state.step, len(batch.snr))
            mean, scale = mean_over_batch(share, accelerator), loss_scale(scaler, accelerator.device)
            weighing.balance(terms, network.backbone, mean, scale)
            taken = descend(terms.total * share, session.optimizer, options.gradient_clip, scaler)
            session.recent.after_step()
            if taken:
                weighing.project()
                if session.average is not None:
                    session.average.update(network)
                session.schedule.after_batch()
            sums.add(terms, prediction, target)
            state.step += 1
            stop = interrupt.requested and accelerator.num_processes == 1
            if stop or state.step % LOOK_EVERY == 0:
                state.running = total(sums.settle(), accelerator)
                stop_unless_finite(state.running["loss"], "training", state, session.folder)
                if stop or any_process(interrupt.requested, accelerator):
                    session.save_last()
                    interrupt.answer()
                elif session.save_is_due():
                    session.save_last()
    state.running = total(sums.settle(), accelerator)
    stop_unless_finite(state.running["loss"], "training", state, session.folder)
    return {**state.running, "new_frames": state.running["frames"] - frames_before}


def validate(
    session: Session, batches: Iterable, interrupt: Interrupt, progress: Progress
) -> tuple[dict[str, float], list[float]]:
    """Sums over the validation frames, and the weights (modulation, SNR) that the loss gives the tasks now."""
    accelerator = session.accelerator
    session.classifier.network.eval()
    same_buffers(session.classifier.network, accelerator)
    if session.average is not None:
        same_buffers(session.average.network, accelerator)
    answer = Answer(session.evaluated, session.loss, accelerator).eval()
    sums, named, weights = Sums(), Named(), None
    unchanged = prepared(batches, lambda batch, step: batch, session.represent, ahead=session.ahead)
    with closing(unchanged) as pairs:
        for batch, x in progress(pairs, "validation", 0, len(batches)):
            target = Target(batch.modulation, batch.snr)
            with torch.no_grad():
                prediction, terms = answer(x, target)
            sums.add(terms, prediction, target)
            named.add(prediction)
            weights = terms.weights
            if interrupt.requested and accelerator.num_processes == 1:
                session.save_last()
                interrupt.answer()
    everything = total(sums.settle(), accelerator)
    stop_unless_finite(everything["loss"], "validation", session.state, session.folder)
    if said := in_words(named.alone(accelerator), session.classifier.modulations, session.classifier.snrs):
        log.info("%s", said)
    # A process may have had no frame of a small validation part; the first one has.
    return everything, of_first_process(weights.tolist() if weights is not None else None, accelerator)


def stop_unless_finite(loss_sum: float, part: str, state: State, folder: Path) -> None:
    if not math.isfinite(loss_sum):
        raise UserError(
            f"training stopped: the {part} loss is no longer finite in epoch {state.epoch + 1}, at or before step "
            f"{state.step}; lower optimizer.lr or trainer.gradient_clip, or use trainer.precision=fp32 "
            f"({folder}/checkpoints/last.pt holds the state before this epoch)"
        )


def stopped_improving(state: State, patience: int | None) -> bool:
    """Whether the last ``patience`` epochs brought no lower validation loss."""
    if patience is None or state.epoch - 1 - state.best_epoch < patience:
        return False
    log.info("early stopping: no lower validation loss in the last %d epochs", patience)
    return True
