"""Optimizers over network and loss parameters together."""

from collections.abc import Callable, Iterable

import timm.optim
from torch import nn
from torch.optim import Optimizer

from amc_xai.errors import UserError


def timm_optimizer(params: Iterable, name: str, lr: float, weight_decay: float = 0.01, **options) -> Optimizer:
    """Any optimizer of timm by name, such as ``lamb`` or ``lion``.

    Raises:
        UserError: for a name that ``timm.optim.list_optimizers()`` doesn't list.
    """
    if name not in timm.optim.list_optimizers():
        raise UserError(
            f"optimizer.name: timm has no optimizer {name!r}; it has {', '.join(timm.optim.list_optimizers())}"
        )
    return timm.optim.create_optimizer_v2(params, opt=name, lr=lr, weight_decay=weight_decay, **options)


def parameter_groups(network: nn.Module, loss: nn.Module) -> list[dict]:
    """Network parameters as configured; the loss's own (learned uncertainties) without weight decay."""
    groups = [{"params": list(network.parameters())}]
    learned = list(loss.parameters())
    return [*groups, {"params": learned, "weight_decay": 0.0}] if learned else groups


MakeOptimizer = Callable[[list[dict]], Optimizer]
