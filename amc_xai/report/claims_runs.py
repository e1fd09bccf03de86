"""The networks that claims are tried on: their trainings, joint and of one task, and what masking them left."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from amc_xai.errors import UserError
from amc_xai.explain.perturbed import TASKS, Setting
from amc_xai.explain.perturbed_frames import PerturbedFrames, read_perturbed_frames
from amc_xai.report.players import TOGETHER
from amc_xai.report.run_table import SEED, Run, read_runs

MASKED = "perturbed_frames.npz"


@dataclass(frozen=True, eq=False)
class Masked:
    """What masking one network left, from as many explanations as there were of it, on the same N frames."""

    parts: list[PerturbedFrames]

    @property
    def settings(self) -> list[Setting]:
        """Every setting, in the order of the files."""
        return list(dict.fromkeys(setting for part in self.parts for setting in part.settings))

    @property
    def places(self) -> np.ndarray:
        return self.parts[0].places

    def known(self, task: str) -> np.ndarray:
        return self.parts[0].known[TASKS.index(task)]

    def clean(self, task: str) -> np.ndarray:
        """float64 (N,), 1 where the answer without a mask is right."""
        return self.parts[0].clean[TASKS.index(task)].astype(np.float64)

    def after(self, setting: Setting, task: str, *, control: bool = False) -> np.ndarray | None:
        """float64 (N,), the share of draws that are right under a mask or its control; None without such."""
        for part in self.parts:
            if setting in part.settings and (not control or len(part.control_right)):
                return part.after(setting, task, control=control)
        return None

    def share(self, setting: Setting) -> float:
        """The mean share of the lit pixels that a setting takes."""
        part = next(part for part in self.parts if setting in part.settings)
        return float(part.lit_fraction[part.settings.index(setting)])


@dataclass(frozen=True, eq=False)
class Network:
    """The trainings of one recipe: those of both tasks, by seed; those of one, by task and seed; and the masked
    ones among the first, by seed."""

    name: str
    joint: dict[str, Run] = field(default_factory=dict)
    single: dict[str, dict[str, Run]] = field(default_factory=dict)
    masked: dict[str, Masked] = field(default_factory=dict)

    @property
    def channel(self) -> str | None:
        """The channel whose masks count: all together, or the only one; None where there are several."""
        channels = {setting.channel for one in self.masked.values() for setting in one.settings}
        if TOGETHER in channels:
            return TOGETHER
        return channels.pop() if len(channels) == 1 else None


def read_networks(folders: Sequence[str | Path]) -> list[Network]:
    """The networks whose runs lie at or below these folders, by name: the ``experiment`` of their trainings.

    An explanation belongs to the training whose ``best.pt`` it read, wherever the two lie.

    Raises:
        UserError: no tested run, or two trainings that differ in nothing that is told apart here.
    """
    runs = {run.folder.resolve(): run for run in read_runs(folders)[0]}
    masked = explanations(folders)
    networks: dict[str, Network] = {}
    for run in runs.values():
        if not (run.folder / "history.jsonl").exists() or len(run.untrained) > 1:
            continue
        name = run.overrides.get("experiment") or run.folder.parent.name
        network = networks.setdefault(name, Network(name))
        seed = run.overrides.get(SEED, "0")
        if run.untrained:
            (left,) = run.untrained
            group = network.single.setdefault("snr" if left == "modulation" else "modulation", {})
        else:
            group = network.joint
        if seed in group:
            raise UserError(
                f"task.folder: {group[seed].folder} and {run.folder} are two trainings of {name} with seed={seed} "
                "and the same tasks; name folders of which each training is in one alone"
            )
        group[seed] = run
        if not run.untrained and (found := masked.get(checkpoint_of(run.folder) or "")):
            network.masked[seed] = Masked(found)
    return [networks[name] for name in sorted(networks)]


def explanations(folders: Sequence[str | Path]) -> dict[str, list[PerturbedFrames]]:
    """What masking left, by the hash of the checkpoint that was masked.

    Raises:
        UserError: explanations of one network are of different frames.
    """
    paths = sorted({path.resolve() for folder in folders for path in Path(folder).rglob(MASKED)})
    found: dict[str, list[PerturbedFrames]] = {}
    for path in paths:
        frames, of = read_perturbed_frames(path), checkpoint_of(path.parent)
        if of is None:
            continue
        if found.get(of) and not np.array_equal(found[of][0].places, frames.places):
            raise UserError(
                f"task.folder: {path.parent} explains other frames than another explanation of its network; "
                "explain all on the same ones (perturbation.frames=null)"
            )
        found.setdefault(of, []).append(frames)
    return found


def checkpoint_of(folder: Path) -> str | None:
    """The hash of the checkpoint that a run tested, None where it doesn't say."""
    path = folder / "provenance.json"
    return json.loads(path.read_text(encoding="utf-8")).get("checkpoint_sha256") if path.exists() else None
