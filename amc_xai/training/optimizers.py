"""Optimizers over network and loss parameters together."""

from collections.abc import Callable, Iterable

import timm.optim
from torch import nn
from torch.optim import Optimizer

from amc_xai.errors import UserError, guess


def timm_optimizer(params: Iterable, name: str, lr: float, weight_decay: float = 0.01, **options) -> Optimizer:
    """Any optimizer of timm by name, such as ``lamb`` or ``lion``.

    Raises:
        UserError: for a name that ``timm.optim.list_optimizers()`` doesn't list.
    """
    known = timm.optim.list_optimizers()
    if name not in known:
        raise UserError(
            f"optimizer.name: timm has no optimizer {name!r}{guess(name, known)}; it has {', '.join(known)}"
        )
    return timm.optim.create_optimizer_v2(params, opt=name, lr=lr, weight_decay=weight_decay, **options)


def parameter_groups(network: nn.Module, loss: nn.Module) -> list[dict]:
    """Network parameters as configured; the loss's own (learned uncertainties) without weight decay.

    Frozen parameters are none of the optimizer's: some would decay without ever getting a gradient.
    """
    groups = [{"params": [p for p in network.parameters() if p.requires_grad]}]
    learned = list(loss.parameters())
    return [*groups, {"params": learned, "weight_decay": 0.0}] if learned else groups


MakeOptimizer = Callable[[list[dict]], Optimizer]


def settings_of(optimizer: Optimizer) -> list[dict]:
    """Learning rate, weight decay and all other options of each parameter group, without the parameters."""
    return [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]


def put_back(optimizer: Optimizer, stored: dict, begun: list[dict], given: list[dict]) -> list[str]:
    """Load the ``stored`` state of an earlier run; options that are ``given`` otherwise now hold from here on.

    ``begun`` and ``given`` are the :func:`settings_of` that run's optimizer and of this one as they were made,
    schedules included. A new learning rate scales the one that the schedule has come to. Tells in words what
    changed.
    """
    optimizer.load_state_dict(stored)
    changes = []
    for group, old, new in zip(optimizer.param_groups, begun, given, strict=True):
        before, now = (settings.get("initial_lr", settings["lr"]) for settings in (old, new))
        if before != now:
            group["lr"] = group["lr"] * now / before if before else now
            changes.append(f"the base learning rate is {now:g}, not {before:g}")
        for name in new.keys() - {"lr"}:
            if name not in old or old[name] != new[name]:
                group[name] = new[name]
                if name != "initial_lr":
                    changes.append(f"optimizer.{name} is {new[name]}, not {old.get(name)}")
    return list(dict.fromkeys(changes))
