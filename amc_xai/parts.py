"""From the composed configuration to the parts that a task works with."""

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict

from amc_xai import builtin
from amc_xai.config import AUTO, OF_THE_JOB, OF_THE_NETWORK
from amc_xai.errors import UserError
from amc_xai.resuming import settle_resume
from amc_xai.signatures import TRUST, check_arguments


def trusted_targets() -> tuple[str, ...]:
    """What a config may call: this package, torch's modules and optimizers, and what the user's shell adds.

    A config file is data and can come from anywhere, so it can't extend this list; the environment variable
    ``AMC_XAI_TRUST`` can (comma-separated, such as ``my_lab.*``).
    """
    added = [entry.strip() for entry in os.environ.get(TRUST, "").split(",")]
    return ("amc_xai.*", "torch.nn.modules.*", "torch.optim.*", *filter(None, added))


@dataclass(frozen=True)
class Parts:
    """Everything that a task needs: plain values, and factories that the config chose.

    ``make`` holds one factory for each group (``make["dataset"]()``); ``config`` is the resolved configuration
    as plain dicts and lists; ``loaded`` the checkpoint named by ``checkpoint`` or ``resume``, ``initial`` the one
    that a new training starts from (``init``), and ``goes_on`` whether the run folder's own was asked for
    (``resume=auto``).
    """

    config: dict[str, Any]
    overrides: list[str]
    folder: Path
    make: dict[str, Callable]
    loaded: dict[str, Any] | None
    initial: dict[str, Any] | None = None
    goes_on: bool = False

    @property
    def seed(self) -> int:
        return self.config["seed"]


OF_THE_KEEPER = ("residency", "half_precision")
GROUPS = (
    "dataset", "split", "augmentation", "representation", "backbone", "extractor", "head", "loss", "optimizer",
    "scheduler", "curriculum", "trainer", "perturbation", "attribution", "tracker",
)  # fmt: skip
# What other tasks than a training seldom ask for.
OF_TRAINING = ("augmentation", "loss", "optimizer", "scheduler", "curriculum")


def make_parts(cfg: DictConfig, folder: Path, overrides: list[str]) -> Parts:
    """Rebuild from a checkpoint where one is named, then turn each group into its factory."""
    goes_on = cfg.resume == AUTO
    if goes_on:
        cfg = settle_resume(cfg, folder)
    loaded = named_checkpoint(cfg.checkpoint, "checkpoint") or named_checkpoint(cfg.resume, "resume")
    initial = named_checkpoint(cfg.init.path, "init")
    if loaded is not None:
        # What to mask is this explanation's own matter, and a network that is only read starts from nowhere; a
        # resumed training goes on as it was begun.
        own = OF_THE_JOB if cfg.resume is not None else (*OF_THE_JOB, "perturbation", "init")
        cfg = overlay(cfg, {k: v for k, v in loaded["config"].items() if k not in own}, overrides)
    if initial is not None:
        cfg = overlay(cfg, {k: v for k, v in initial["config"].items() if k in OF_THE_NETWORK}, overrides)
    make_paths_absolute(cfg)
    # Where frames are kept is no business of the source that makes them: the workbench wraps it.
    chosen = copy.deepcopy(cfg)
    with open_dict(chosen):
        for key in OF_THE_KEEPER:
            chosen.dataset.pop(key, None)
    if loaded is not None or initial is not None:
        leave_published_weights(chosen.backbone)
    # A task that reads files alone starts at once: instantiating the groups imports torch.
    groups = GROUPS if cfg.task.get("needs_parts", True) else ()
    plain = OmegaConf.to_container(chosen, resolve=True)
    check_arguments(plain["task"], "task", trusted_targets())
    later = () if cfg.task.get("name") == "train" else OF_TRAINING
    make = {group: (when_asked if group in later else factory)(chosen[group], group) for group in groups}
    return Parts(OmegaConf.to_container(cfg, resolve=True), overrides, folder, make, loaded, initial, goes_on)


def factory(node: DictConfig, group: str) -> Callable:
    """What a group's part is made with, once its keys are checked."""
    check_arguments(OmegaConf.to_container(node, resolve=True), group, trusted_targets())
    made = instantiate(node, _convert_="all", _execution_whitelist_=trusted_targets())
    own = str(node.get("_target_")).startswith(("torch.", "amc_xai."))
    return in_one_sentence(group, made) if group == "optimizer" and own else made


def when_asked(node: DictConfig, group: str) -> Callable:
    """The same, looked at when it is called: an explanation needs no loss, whose module may be out of reach."""
    return lambda *args, **options: factory(node, group)(*args, **options)


def parts_of_checkpoint(path: str | Path) -> Parts:
    """The parts of a checkpoint's network, by the file alone: no command line, no data, no run folder."""
    loaded = named_checkpoint(str(path), "checkpoint")
    stored = {key: FORMER[key](value) if key in FORMER else value for key, value in loaded["config"].items()}
    cfg = OmegaConf.create({key: stored[key] for key in OF_THE_NETWORK})
    leave_published_weights(cfg.backbone)
    make = {group: factory(cfg[group], group) for group in OF_THE_NETWORK}
    return Parts({**stored, "checkpoint": str(path)}, [], Path(path).parent, make, loaded)


def in_one_sentence(group: str, make: Callable) -> Callable:
    """A factory of another package, whose refusals are said in this one's way."""

    def made(*args: Any, **options: Any) -> Any:
        try:
            return make(*args, **options)
        except (TypeError, ValueError) as error:
            name = getattr(getattr(make, "func", make), "__name__", "it")
            raise UserError(f"{group}: {name} refuses its settings ({error})") from error

    return made


def named_checkpoint(path: str | None, key: str) -> dict[str, Any] | None:
    """The checkpoint that ``key`` names, if it does."""
    if path is None:
        return None
    from amc_xai.training.checkpoint import load_checkpoint

    return load_checkpoint(path, key)


def leave_published_weights(backbone: DictConfig) -> None:
    """A network whose weights come from a checkpoint fetches none from a hub, which may be out of reach."""
    for key in backbone:
        if isinstance(backbone[key], DictConfig):
            leave_published_weights(backbone[key])
        elif key == "pretrained":
            backbone[key] = False


def overlay(cfg: DictConfig, stored: dict[str, Any], overrides: list[str]) -> DictConfig:
    """The configuration ``stored`` in a checkpoint, overridden by what the command line gives.

    A group given on the command line (``dataset=...``) replaces the stored one whole, and one inside another
    (``loss/snr_term=...``) that part of it alone; a key replaces that key.
    What an ``experiment=`` changes counts as given.
    """
    result = OmegaConf.create(OmegaConf.to_container(cfg, resolve=False))
    for key, value in stored.items():
        if key in result:
            result[key] = FORMER[key](value) if key in FORMER else value
    groups, keys = given(overrides)
    for group in sorted(groups):  # an outer one before what is inside it
        if OmegaConf.select(cfg, group) is not None:
            OmegaConf.update(result, group, OmegaConf.select(cfg, group), merge=False, force_add=True)
    for key in keys:
        OmegaConf.update(result, key, OmegaConf.select(cfg, key), force_add=True)
    return result


def without_copies(representation: dict[str, Any]) -> dict[str, Any]:
    """A stored representation without the copy of the samples a symbol that older checkpoints have there."""
    return {
        key: without_copies(value) if isinstance(value, dict) else value
        for key, value in representation.items()
        if key != "samples_per_symbol"
    }


def without_radii(perturbation: dict[str, Any]) -> dict[str, Any]:
    """A stored perturbation whose rings are told by the shares inside them, as older checkpoints' are not."""
    available = dict(perturbation.get("available") or {})
    if "annulus" in available:
        available["annulus"] = {k: v for k, v in available["annulus"].items() if k != "radii"}
        perturbation = {**perturbation, "available": available}
    return perturbation


# What of a stored group is no longer a setting of its own.
FORMER = {"representation": without_copies, "perturbation": without_radii}


def given(overrides: list[str]) -> tuple[set[str], list[str]]:
    """The groups and the keys that these overrides set, by their places; those of an experiment included."""
    choices = HydraConfig.get().runtime.choices
    groups: set[str] = set()
    keys: list[str] = []
    for override in OverridesParser.create().parse_overrides(overrides):
        key = override.key_or_group
        element = f"{key}@{override.package}" if override.package else key
        if key == "experiment":
            more, differing = changed_by(override.input_line)
            groups |= more
            keys += differing
        elif element in choices:
            groups.add(place_of(element))
        else:
            keys.append(key)
    return groups, [k for k in keys if not any(k == g or k.startswith(f"{g}.") for g in groups)]


def changed_by(experiment: str) -> tuple[set[str], list[str]]:
    """The groups that an ``experiment=`` chooses otherwise, or whose ``_target_`` it changes, and the keys."""
    plain, changed = (compose("config", lines, return_hydra_config=True) for lines in ([], [experiment]))
    (before, chosen_before), (after, chosen) = (
        (leaves(OmegaConf.masked_copy(cfg, [k for k in cfg if k != "hydra"])), cfg.hydra.runtime.choices)
        for cfg in (plain, changed)
    )
    differing = [k for k in after if k not in before or before[k] != after[k]]
    groups = {place_of(k) for k in chosen if k not in chosen_before or chosen[k] != chosen_before[k]}
    groups |= {k.removesuffix("._target_") for k in differing if k.endswith("._target_")}
    return groups - {"trainer"}, differing


def place_of(choice: str) -> str:
    """Where in the configuration a group stands: ``loss/snr_term`` at ``loss.snr_term``, ``head@a.b`` at a.b."""
    group, _, package = choice.partition("@")
    return package or group.replace("/", ".")


def leaves(cfg: DictConfig, prefix: str = "") -> dict[str, Any]:
    """Every value that is no mapping, by its dotted key."""
    found: dict[str, Any] = {}
    for key in cfg:
        value = cfg._get_node(key)
        if isinstance(value, DictConfig) and not value._is_none() and not value._is_missing():
            found |= leaves(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = OmegaConf.to_yaml(value) if OmegaConf.is_config(value) else value._value()
    return found


def make_paths_absolute(cfg: DictConfig) -> None:
    """So that a checkpoint finds its data again from whatever folder it is used in."""
    for part in (cfg.dataset, cfg.init):
        if part.get("path") and not (part is cfg.init and part.path == builtin.NAME):
            with open_dict(part):
                part.path = os.path.abspath(os.path.expanduser(str(part.path)))
