"""The training loop, to be read from top to bottom."""

import json
import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator

from amc_xai.errors import UserError
from amc_xai.files import replacing
from amc_xai.loss import LossTerms, Target
from amc_xai.model.network import Classifier
from amc_xai.training.checkpoint import random_state, restore_random_state, save_checkpoint
from amc_xai.training.ema import MovingAverage
from amc_xai.training.interrupt import Interrupt
from amc_xai.training.parallel import any_process, on_device, same_buffers, share_of_batch
from amc_xai.training.schedule import Schedule
from amc_xai.training.speed import compile_in_place, in_channels_last, undo_compile

log = logging.getLogger(__name__)
SUMS = ("loss", "modulation_loss", "snr_loss", "modulation_correct", "snr_correct", "joint_correct", "frames")


@dataclass(frozen=True)
class TrainerOptions:
    """How long and how to train; each field is a key of the ``trainer`` group."""

    epochs: int
    batch_size: int
    precision: str = "auto"
    gradient_clip: float = 1.0
    early_stopping: int | None = 20
    workers: int = 0
    ema: float | None = None
    compile: bool = False
    channels_last: bool = False


@dataclass
class State:
    """Where training stands: everything beside the weights that a resumed run needs."""

    epoch: int = 0
    step: int = 0
    running: dict = field(default_factory=dict)
    best_loss: float = math.inf
    best_epoch: int = -1
    history: list = field(default_factory=list)


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
    progress: Callable[[Iterable, str, int, int], Iterable] = lambda batches, text, done, total: batches,
    on_epoch: Callable[[dict], bool | None] = lambda row: None,
    augment: Callable = lambda batch, epoch, step: batch,
) -> State:
    """Train until the epochs are over, the validation loss stops falling, or the user stops it.

    ``training.batch_sampler`` takes ``epoch`` and ``start``. ``about`` is stored in every checkpoint and makes
    it self-describing; ``resume`` is a loaded ``last.pt``; training ends early when ``on_epoch`` returns True.
    Of several processes each gets its share of the batches, and the first one writes and calls ``on_epoch``.
    Leaves ``checkpoints/best.pt`` (lowest validation loss), ``checkpoints/last.pt`` and ``history.jsonl`` in
    ``folder``. With ``options.ema`` the averaged weights are validated and make ``best.pt``; ``last.pt`` has the
    trained ones and, apart, the average.

    Raises:
        UserError: as soon as the loss isn't finite, or for options that can't go together.
        KeyboardInterrupt: after Ctrl-C, with ``last.pt`` written so that ``resume`` goes on from that step.
    """
    sampler = training.batch_sampler
    representation = classifier.representation.to(accelerator.device)
    if options.compile and hasattr(loss, "balance"):
        raise UserError(
            "trainer.compile: gradnorm takes several gradients from one pass, which compiled code can't give; "
            "use trainer.compile=false or another loss"
        )
    classifier.network.to(accelerator.device)
    if options.channels_last:
        classifier.network.to(memory_format=torch.channels_last)
    average = MovingAverage(classifier.network, options.ema) if options.ema is not None else None
    compiled = options.compile and compile_in_place(classifier.network, accelerator.device)
    network, loss, optimizer = accelerator.prepare(classifier.network, loss, optimizer)
    training, validation = on_device(training, accelerator), on_device(validation, accelerator)
    bare_network, bare_loss = accelerator.unwrap_model(network), accelerator.unwrap_model(loss)
    classifier.network = bare_network
    parameters = [*network.parameters(), *loss.parameters()]
    state = State()
    if resume is not None:
        bare_network.load_state_dict(resume["network"])
        bare_loss.load_state_dict(resume["loss"])
        optimizer.load_state_dict(resume["optimizer"])
        schedule.load_state_dict(resume["scheduler"])
        if accelerator.scaler is not None and resume["scaler"] is not None:
            accelerator.scaler.load_state_dict(resume["scaler"])
        restore_random_state(resume["random"])
        state = State(**resume["state"])
        if average is not None:
            average.load_state_dict(resume.get("average") or {"steps": 0, "network": resume["network"]})
    evaluated = bare_network if average is None else average.network
    if accelerator.is_main_process:
        write_history(folder, state.history)

    def see(batch) -> torch.Tensor:
        with torch.no_grad():
            x = representation(batch.iq)
        return in_channels_last(x) if options.channels_last else x

    def save(name: str) -> None:
        if not accelerator.is_main_process:
            return
        kept = average.network if average is not None and name == "best.pt" else bare_network
        checkpoint = {**about, "network": kept.state_dict(), "loss": bare_loss.state_dict()}
        checkpoint |= {"epoch": state.epoch, "best_loss": state.best_loss}
        if name == "last.pt":
            checkpoint |= {
                "optimizer": optimizer.state_dict(),
                "scheduler": schedule.state_dict(),
                "scaler": accelerator.scaler.state_dict() if accelerator.scaler is not None else None,
                "average": average.state_dict() if average is not None else None,
                "random": random_state(),
                "state": {**vars(state), "running": {k: float(v) for k, v in state.running.items()}},
            }
        save_checkpoint(folder / "checkpoints" / name, checkpoint)

    def stop_here() -> None:
        save("last.pt")
        raise KeyboardInterrupt

    with Interrupt() as interrupt:
        save("last.pt")
        while state.epoch < options.epochs and not stopped_improving(state, options.early_stopping):
            begin = time.perf_counter()
            sampler.epoch, sampler.start = state.epoch, state.step
            steps = len(training)  # a curriculum gives each epoch its own number
            zero = torch.zeros((), device=accelerator.device, dtype=torch.float64)
            running = {key: zero + state.running.get(key, 0.0) for key in SUMS}
            frames_before = float(running["frames"])
            network.train()
            loss.train()
            text = f"training, epoch {state.epoch + 1} of {options.epochs}"
            done = state.epoch * steps + state.step
            for batch in progress(training, text, done, options.epochs * steps):
                batch = augment(batch, state.epoch, state.step)
                x = see(batch)
                with accelerator.autocast():
                    prediction = network(x)
                terms = loss(prediction, Target(batch.modulation, batch.snr))
                if hasattr(bare_loss, "balance"):
                    bare_loss.balance(terms, bare_network.backbone, lambda v: accelerator.reduce(v, "mean"))
                accelerator.backward(terms.total * share_of_batch(len(batch.snr), accelerator))
                if options.gradient_clip:
                    accelerator.clip_grad_norm_(parameters, options.gradient_clip)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                if hasattr(bare_loss, "project"):
                    bare_loss.project()
                if average is not None:
                    average.update(bare_network)
                schedule.after_batch()
                count(running, terms, prediction, batch)
                state.step += 1
                # Reading the loss waits for the device, so look at it now and then only.
                stop = any_process(interrupt.requested, accelerator)
                if state.step % 16 == 0 or state.step >= steps or stop:
                    stop_unless_finite(accelerator.reduce(running["loss"]), state, folder)
                if stop:
                    state.running = running
                    stop_here()
            seconds = time.perf_counter() - begin
            state.running = running

            scores = {}
            same_buffers(bare_network, accelerator)
            network.eval()
            loss.eval()
            sums = dict.fromkeys(SUMS, zero)
            for batch in progress(validation, "validation", 0, len(validation)):
                with torch.no_grad(), accelerator.autocast():
                    prediction = evaluated(see(batch))
                with torch.no_grad():
                    terms = bare_loss(prediction, Target(batch.modulation, batch.snr))
                count(sums, terms, prediction, batch)
                if interrupt.requested and accelerator.num_processes == 1:
                    stop_here()
            totals = accelerator.reduce(torch.stack([sums[key] for key in SUMS]))
            sums = dict(zip(SUMS, totals.tolist(), strict=True))
            scores = {
                "validation_loss": sums["loss"] / sums["frames"],
                "validation_modulation_accuracy": sums["modulation_correct"] / sums["frames"],
                "validation_snr_accuracy": sums["snr_correct"] / sums["frames"],
                "validation_joint_accuracy": sums["joint_correct"] / sums["frames"],
            }
            trained = accelerator.reduce(torch.stack([running[key] for key in SUMS]))
            trained = dict(zip(SUMS, trained.tolist(), strict=True))
            row = {
                "epoch": state.epoch,
                "train_loss": trained["loss"] / trained["frames"],
                **scores,
                "learning_rate": optimizer.param_groups[0]["lr"],
                "weight_modulation": float(terms.weights[0]),
                "weight_snr": float(terms.weights[1]),
                "frames_per_second": (trained["frames"] - frames_before) / seconds,
                "seconds": time.perf_counter() - begin,
            }
            # What a network has to say of itself, such as the mean shares of its experts in this validation.
            row |= getattr(evaluated.backbone, "report", dict)()
            if (rates := getattr(sampler, "rates", None)) is not None:
                row["curriculum_share"] = float(rates(state.epoch).mean())
            if hasattr(bare_loss, "after_epoch"):
                means = (trained[key] / trained["frames"] for key in ("modulation_loss", "snr_loss"))
                bare_loss.after_epoch(*means)
            schedule.after_epoch(scores["validation_loss"])
            state.epoch, state.step, state.running = state.epoch + 1, 0, {}
            state.history.append(row)
            if accelerator.is_main_process:
                write_history(folder, state.history)
            ended = any_process(accelerator.is_main_process and bool(on_epoch(row)), accelerator)
            log.info(
                "epoch %d/%d: loss %.4f, validation loss %.4f, modulation %.1f %%, SNR %.1f %%, joint %.1f %%",
                state.epoch, options.epochs, row["train_loss"], scores["validation_loss"],
                100 * scores["validation_modulation_accuracy"], 100 * scores["validation_snr_accuracy"],
                100 * scores["validation_joint_accuracy"],
            )  # fmt: skip
            if scores["validation_loss"] < state.best_loss:
                state.best_loss, state.best_epoch = scores["validation_loss"], state.epoch - 1
                save("best.pt")
            save("last.pt")
            if any_process(interrupt.requested, accelerator):
                raise KeyboardInterrupt
            if ended:
                break
    if compiled:
        undo_compile(bare_network)
    accelerator.wait_for_everyone()
    return state


def count(sums: dict, terms: LossTerms, prediction, batch) -> None:
    """Add a batch's losses and right answers to the running sums, without waiting for the device."""
    modulation = prediction.modulation.argmax(-1) == batch.modulation
    snr = prediction.snr.argmax(-1) == batch.snr
    frames = len(batch.modulation)
    sums["loss"] = sums["loss"] + terms.total.detach() * frames
    sums["modulation_loss"] = sums["modulation_loss"] + terms.modulation.detach() * frames
    sums["snr_loss"] = sums["snr_loss"] + terms.snr.detach() * frames
    sums["modulation_correct"] = sums["modulation_correct"] + modulation.sum()
    sums["snr_correct"] = sums["snr_correct"] + snr.sum()
    sums["joint_correct"] = sums["joint_correct"] + (modulation & snr).sum()
    sums["frames"] = sums["frames"] + frames


def stop_unless_finite(loss_sum: torch.Tensor, state: State, folder: Path) -> None:
    if not math.isfinite(float(loss_sum)):
        raise UserError(
            f"training stopped: the loss is no longer finite in epoch {state.epoch + 1}, at or before step "
            f"{state.step}; lower optimizer.lr or trainer.gradient_clip, or use trainer.precision=fp32 "
            f"({folder}/checkpoints/last.pt holds the state before this epoch)"
        )


def stopped_improving(state: State, patience: int | None) -> bool:
    """Whether the last ``patience`` epochs brought no lower validation loss."""
    if patience is None or state.epoch - 1 - state.best_epoch < patience:
        return False
    log.info("early stopping: no lower validation loss in the last %d epochs", patience)
    return True


def write_history(folder: Path, rows: list[dict]) -> None:
    """``history.jsonl``, one object an epoch; rewritten whole, so that it is never half a line."""
    with replacing(folder / "history.jsonl") as temporary:
        temporary.write_text("".join(json.dumps(row) + "\n" for row in rows))
