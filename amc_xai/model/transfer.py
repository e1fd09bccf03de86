"""Weights of a trained network in a new one, as far as they fit: what is carried over and what is not."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn


@dataclass(frozen=True)
class ClassMap:
    """Where classes that both networks know stand: ``new[i]`` and ``old[i]`` are one class's two places.

    ``total`` is how many classes the trained network has.
    """

    new: list[int]
    old: list[int]
    total: int

    @classmethod
    def by_name(cls, names: list, stored: list) -> "ClassMap":
        """The places of what both lists hold."""
        known = [name for name in names if name in stored]
        return cls([names.index(n) for n in known], [stored.index(n) for n in known], len(stored))

    @classmethod
    def nothing(cls, stored: list) -> "ClassMap":
        """No class of the one is a class of the other."""
        return cls([], [], len(stored))


@dataclass
class Carried:
    """Names of the new network's tensors: taken whole, taken for the known classes alone, or left as they were.

    ``fresh`` gives the reason beside each name; ``unused`` are the trained network's that have no place here.
    """

    whole: list[str] = field(default_factory=list)
    by_class: list[str] = field(default_factory=list)
    fresh: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)


def class_dimensions(make_head: Callable[[int, int], nn.Module], features: int, classes: int) -> dict[str, int]:
    """The dimension that counts the classes, of each tensor of ``make_head(features, classes)`` that has one.

    Found by making the head for one class more, so that a hidden layer that is as wide as there are classes is
    never taken for one. Draws no random number from the caller's stream.
    """
    with torch.random.fork_rng(devices=[]):
        here, more = (make_head(features, n).state_dict() for n in (classes, classes + 1))
    found = {}
    for name, tensor in here.items():
        grown = more[name].shape if name in more else tensor.shape
        differing = [d for d, (a, b) in enumerate(zip(tensor.shape, grown, strict=False)) if a != b]
        if len(differing) == 1 and tensor.shape[differing[0]] == classes:
            found[name] = differing[0]
    return found


@torch.no_grad()
def carry_over(
    network: nn.Module, stored: dict[str, torch.Tensor], classes: dict[str, tuple[int, ClassMap]]
) -> Carried:
    """Give ``network`` the tensors of the state ``stored`` that have its names and shapes.

    ``classes`` names the tensors that hold a slice for each class: (dimension, map); of these the slices of the
    classes that both know are carried over, and the others stay as they are.
    """
    state, told = network.state_dict(), Carried()
    told.unused = [name for name in stored if name not in state]
    for name, tensor in state.items():
        if name not in stored:
            told.fresh[name] = "the trained network has none"
            continue
        source = stored[name].to(tensor)
        if name not in classes:
            if source.shape != tensor.shape:
                told.fresh[name] = f"{tuple(source.shape)} there, {tuple(tensor.shape)} here"
                continue
            tensor.copy_(source)
            told.whole.append(name)
            continue
        dimension, places = classes[name]
        expected = list(tensor.shape)
        expected[dimension] = places.total
        if list(source.shape) != expected:
            told.fresh[name] = f"{tuple(source.shape)} there, {tuple(expected)} expected"
        elif not places.new:
            told.fresh[name] = "no class in common"
        else:
            rows = source.index_select(dimension, torch.tensor(places.old))
            tensor.index_copy_(dimension, torch.tensor(places.new), rows)
            told.by_class.append(name)
    return told
