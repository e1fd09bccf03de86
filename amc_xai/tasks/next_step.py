"""The last line of a task: what to run next, as a command that can be copied."""

import logging
import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from amc_xai import builtin
from amc_xai.parts import Parts
from amc_xai.signal.classes import MODULATIONS
from amc_xai.signatures import TRUST
from amc_xai.tasks.workbench import Workbench

log = logging.getLogger(__name__)
OF_THE_DATA = ("experiment", "dataset", "split")


def say_next(what_for: str, *given: str) -> None:
    """Close with ``python -m amc_xai GIVEN``; the jobs of a multirun, which ends with a line of its own, don't."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        log.info("next, %s: %s", what_for, command(*given))


def command(*given: str) -> str:
    """A command line for the shell, with the variables that parts of one's own take."""
    needed = (TRUST, "PYTHONPATH") if os.environ.get(TRUST) else ()
    variables = [f"{name}={shlex.quote(os.environ[name])}" for name in needed if name in os.environ]
    return " ".join([*variables, "python -m amc_xai", *map(shlex.quote, given)])


def told(parts: Parts, *groups: str) -> list[str]:
    """What the command line said of these groups and keys, such as ``dataset/channel=...`` of ``dataset``."""
    return [o for o in parts.overrides if any(is_of(o, group) for group in groups)]


def is_of(override: str, group: str) -> bool:
    key = override.split("=")[0].lstrip("+~")
    return key == group or key.startswith((f"{group}.", f"{group}/", f"{group}@"))


def otherwise(parts: Parts, *left_out: str) -> list[str]:
    """What the command line said, but for the job itself and for ``left_out``."""
    return [o for o in parts.overrides if not any(is_of(o, key) for key in ("task", "hydra", *left_out))]


def after_training(folder: Path) -> None:
    """A checkpoint was trained and tested."""
    say_next(
        "what the answers rest on, at length", "task=explain", f"checkpoint={folder / 'checkpoints' / 'best.pt'}"
    )


def after_evaluation(parts: Parts) -> None:
    """A checkpoint was tested."""
    say_next("what the answers rest on", "task=explain", *otherwise(parts, "tracker"), *told(parts, "task.part"))


def after_explanation(bench: Workbench) -> None:
    """Masks first, then maps, then frames with impairments."""
    parts, checkpoint = bench.parts, f"checkpoint={bench.parts.config['checkpoint']}"
    backbone = str(parts.config["backbone"].get("_target_"))
    if not parts.make["attribution"].methods and not backbone.endswith(".Fusion"):
        method = "occlusion" if backbone.endswith(".Cumulants") else "integrated_gradients"
        again = otherwise(parts, "attribution", "tracker")
        say_next("with maps", "task=explain", *again, *told(parts, "task.part"), f"attribution={method}")
    elif set(bench.classifier.modulations) <= set(MODULATIONS) and not hasattr(bench.source, "image_shape"):
        say_next("what breaks this network", "task=stress", checkpoint)
    else:
        say_next("the accuracy on all of these frames", "task=evaluate", *otherwise(parts), "task.part=all")


def after_limits(parts: Parts) -> None:
    """The limits of a dataset are known."""
    say_next("a network on these frames, beside the limits", *told(parts, *OF_THE_DATA))


def after_stress(
    parts: Parts, classes: Iterable[str], snrs: Iterable[float], frame: dict[str, float], es_n0: bool
):
    """What breaks a network is known: train it on received frames; ``frame`` are keys of the dataset."""
    if not es_n0:  # its labels mean something else behind a receiver
        say_next("a network that is trained on signals as receivers bring them", "experiment=wild_cpu")
        return
    say_next(
        "train it on, on signals as receivers bring them",
        f"init={parts.config['checkpoint']}", "dataset/channel=receiver",
        f"dataset.modulations=[{','.join(classes)}]", f"dataset.snrs=[{','.join(f'{snr:g}' for snr in snrs)}]",
        *(f"dataset.{key}={value:g}" for key, value in frame.items()),
    )  # fmt: skip


def after_inspection(parts: Parts, labelled: bool, recorded: bool) -> None:
    """A source was looked at; ``labelled``: its frames have both labels; ``recorded``: they are recordings'."""
    given = told(parts, *OF_THE_DATA)
    if labelled:
        say_next("a network on these frames", *given)
    elif recorded:
        # Cut into frames as that network takes them.
        given = [o for o in given if not is_of(o, "dataset.frame_length")]
        say_next("what they are", "task=predict", f"checkpoint={builtin.NAME}", *given)
    else:
        say_next(
            "what a trained network says of them (RUN is its run folder)",
            "task=predict", "checkpoint=RUN/checkpoints/best.pt", *given,
        )  # fmt: skip


def after_prediction(parts: Parts, pictures: bool) -> None:
    """Frames were named."""
    if not pictures:
        say_next("what the frames themselves show", "task=inspect", *told(parts, *OF_THE_DATA))
