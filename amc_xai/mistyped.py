"""What Hydra refuses in a command line, said in one sentence with the nearest names that exist.

Only imported when something was refused: it reads every file of ``conf/``.
"""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf

from amc_xai.errors import command_again, guess

# Whole settings, whose files hold the keys of others.
ACROSS = ("experiment", "hparams_search", "hydra/help", "hydra/job_logging")
KINDS = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}
# What other programs call a key.
ALSO = {"learning_rate": "lr", "max_epochs": "epochs", "num_epochs": "epochs", "num_workers": "workers"}


def plainly(error: BaseException, conf: Path) -> str | None:
    """Hydra's refusal of a command line in one sentence, or None where its own words are all there is.

    ``conf`` is the folder of the configuration.
    """
    said = "\n".join(str(e) for e in (error, error.__cause__ or error.__context__) if e is not None)
    if isinstance(error, MissingConfigException) and error.options:
        return unknown_choice(error, Vocabulary(conf))
    if found := re.search(r"Could not override '([^']+)'", said):
        given = re.search(r"append to your (?:config|default list) use \+(.*)", said)
        value = given[1].partition("=")[2] if given else ""
        return unknown_key(found[1], value, Vocabulary(conf))
    if found := re.search(
        r"Value '(.*?)' (?:of type '\w+' )?could not be converted to (\w+)(?s:.*)full_key: (\S+)", said
    ):
        return f"{found[3]} must be {KINDS.get(found[2], found[2])}, not {found[1]!r}"
    return about_sweeps(said)


def about_sweeps(said: str) -> str | None:
    """What is wrong with several values, or with a range of them, for one key."""
    if found := re.search(r"Sweep parameters '(.*)' requires --multirun", said):
        return f"{found[1]} asks for several runs; the command is: {command_again('-m')}"
    if found := re.search(r"Ambiguous value for argument '(.*)'", said):
        key, _, values = found[1].partition("=")
        return (
            f"{found[1]} is several values: for one run each add -m "
            f"({command_again('-m')}), for one list write '{key}=[{values}]'"
        )
    if "does not support sweep type" in said:
        return (
            "a range of values (interval, range, glob or a shuffled one) is for a search; add hydra/sweeper=study "
            "hydra.sweeper.study_name=NAME, or list the values for one run each: optimizer.lr=1e-4,1e-3"
        )
    if "hydra.sweeper.study_name" in said and "issing" in said:
        return "hydra.sweeper.study_name must be the study's name, such as hydra.sweeper.study_name=my_search"
    if found := re.search(r"Error when parsing index: \d+, string: (.*?) out of \[(?s:.*?)\]\.?\n(.*)", said):
        return (
            f"{found[1]} can't be read as KEY=VALUE ({found[2]}); quote what holds spaces or brackets: 'KEY=[a,b]'"
        )
    return None


class Vocabulary:
    """What ``conf`` has: groups with their choices, and keys with the choices (``GROUP=NAME``) that have them."""

    def __init__(self, conf: Path):
        self.choices: dict[str, list[str]] = {}
        self.keys: dict[str, list[str]] = {}
        plain = OmegaConf.load(conf / "config.yaml")
        self.standing = {f"{group}={name}" for entry in plain.defaults for group, name in chosen(entry)}
        self._add(plain, "", "")
        self._add(OmegaConf.structured(HydraConf), "hydra", "")
        for plugged in ("hydra/launcher", "hydra/sweeper/sampler"):
            self.choices[plugged] = []
        for path in sorted(conf.rglob("*.yaml")):
            group = path.parent.relative_to(conf).as_posix()
            if group == ".":
                continue
            self.choices.setdefault(group, []).append(path.stem)
            if group in ACROSS:
                continue
            part, choice = OmegaConf.load(path), f"{group}={path.stem}"
            self._add(part, group.replace("/", "."), choice)
            if choice in self.standing:
                within = (pair for entry in part.get("defaults", []) for pair in chosen(entry))
                self.standing |= {f"{group}/{sub}={name}" for sub, name in within}

    def _add(self, node: DictConfig, place: str, choice: str) -> None:
        for key in flat(OmegaConf.to_container(node, resolve=False), f"{place}." if place else ""):
            self.keys.setdefault(key, []).append(choice)

    def owners(self, key: str) -> str:
        """The choices that have a key which the defaults lack; empty where they have it."""
        found = self.keys.get(key, [])
        return "" if not found or "" in found or self.standing & set(found) else " or ".join(found[:3])

    def near(self, key: str, value: str) -> list[str]:
        """What may be meant by ``key=value``: a group, else a choice of one, else keys, the nearest first."""
        if groups := get_close_matches(
            key.replace(".", "/"), self.choices, n=1, cutoff=0.7 if "." not in key else 0.9
        ):
            return groups
        having = [f"{group}={value}" for group, names in self.choices.items() if value in names]
        if len(having) == 1:
            return having
        last = ALSO.get(key.rpartition(".")[2], key.rpartition(".")[2])
        scores = {}
        for known in self.keys:
            end = alike(last, known.rpartition(".")[2])
            if end >= 0.7 and known.startswith("hydra.") == key.startswith("hydra."):
                scores[known] = (end + alike(key, known)) / 2 + (0 if self.owners(known) else 0.2)
        best = max(scores.values(), default=0)
        return sorted((k for k in scores if scores[k] > best - 0.05), key=lambda known: -scores[known])[:2]


def alike(a: str, b: str) -> float:
    """How alike two words are, 0..1."""
    return SequenceMatcher(None, a, b).ratio()


def chosen(entry: Any) -> Iterable[tuple[str, str]]:
    """Group and choice of an entry of a defaults list."""
    return entry.items() if isinstance(entry, DictConfig) else ()


def flat(node: Any, prefix: str) -> Iterable[str]:
    """The dotted keys of a plain mapping, without those that are for Hydra."""
    for key, value in node.items():
        if key == "defaults" or str(key).startswith("_"):
            continue
        if isinstance(value, dict) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def unknown_key(key: str, value: str, vocabulary: Vocabulary) -> str:
    """For a key or a group that isn't there."""
    if "/" in key:
        near = get_close_matches(key, vocabulary.choices, n=1)
        if key in vocabulary.choices:
            return f"{key}: this group belongs to another choice of {key.rpartition('/')[0]} than what is chosen"
        meant = f"did you mean {near[0]}?" if near else f"the groups are {', '.join(vocabulary.choices)}"
        return f"{key}: there is no such group; {meant}"
    if key in vocabulary.keys and (owners := vocabulary.owners(key)):
        return f"{key} is a key of {owners}, which isn't chosen; choose it, or leave the key out"
    if near := vocabulary.near(key, value):
        meant = " or ".join(name + (f" (of {o})" if (o := vocabulary.owners(name)) else "") for name in near)
        return f"{key}: there is no such key; did you mean {meant}?"
    head = key.rpartition(".")[0]
    own = sorted({k[len(head) + 1 :] for k in vocabulary.keys if head and k.startswith(f"{head}.")})
    if not own:
        groups = ", ".join(group for group in vocabulary.choices if "/" not in group)
        return f"{key}: there is no such key; --cfg job prints them all, and the groups are {groups}"
    added = f"; a key that a part of your own takes is added with +{key}={value}" if head != "trainer" else ""
    return f"{key}: there is no such key; {head} has {', '.join(own)}{added}"


def unknown_choice(error: MissingConfigException, vocabulary: Vocabulary) -> str:
    """For a name that a group doesn't have."""
    group, _, name = str(error.missing_cfg_file).rpartition("/")
    named_by = re.match(r"In '((?:experiment|hparams_search)/[^']+)'", str(error))
    elsewhere = [other for other, names in vocabulary.choices.items() if name in names]
    hint = f"; it is a choice of another group: {elsewhere[0]}={name}" if elsewhere else ""
    if group == "backbone" and not hint:
        hint = "; any network of timm goes as backbone=timm backbone.name=NAME"
    place = f"{named_by[1]}: {group}" if named_by else group
    return f"{place}: there is no {name}{guess(name, error.options)}; choose from {', '.join(error.options)}{hint}"
