"""The stand-in device as torch has one: ``Tensor.to``, factories, generators, and what is to be had of MPS."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import torch
import torch._dynamo  # which looks at what is replaced below, when it is first wanted
from torch.nn.attention import SDPBackend, sdpa_kernel

from tests.standin.tensor import DEVICE, Arrive, Generator, Leave, Mode, StandIn, each, held, placed, stands_in

ORIGINAL_TO = torch.Tensor.to


def to(self: torch.Tensor, *args, **kwargs) -> torch.Tensor:
    """``Tensor.to``, where the source, the target or a tensor to be like may stand in."""
    if args and isinstance(args[0], torch.Tensor):
        args = (args[0].device, args[0].dtype, *args[1:])
    elif isinstance(kwargs.get("other"), torch.Tensor):
        other = kwargs.pop("other")
        args = (other.device, other.dtype, *args)
    copy = kwargs.pop("copy", False)
    device, dtype, _, layout = torch._C._nn._parse_to(*args, **kwargs)
    if device is None:
        device = self.device
    kind = {} if layout is None else {"memory_format": layout}
    if isinstance(self, StandIn):
        x = self if dtype in (None, self.dtype) and not kind else ORIGINAL_TO(self, dtype or self.dtype, **kind)
        if not stands_in(device):
            return Leave.apply(x)
        return x.clone() if copy and x is self else x
    if stands_in(device):
        x = ORIGINAL_TO(self, dtype or self.dtype, **kind)
        return Arrive.apply(x) if x.requires_grad else placed(x.detach().clone())
    return ORIGINAL_TO(self, *args, copy=copy, **kwargs)


def made_with(function: Callable) -> Callable:
    """``torch.tensor`` and the like, which build on the CPU and then move."""

    def make(data, *args, device=None, **kwargs):
        if device is None and isinstance(data, StandIn):
            device = DEVICE
        if not stands_in(device):
            return function(data, *args, device=device, **kwargs)
        return to(function(each(held, data), *args, device="cpu", **kwargs), DEVICE)

    return make


def by_itself(function: Callable) -> Callable:
    """A function that C++ works out differently on a CPU: on the values alone, checked at its two ends."""

    def run(*args, **kwargs):
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
        if not any(isinstance(tensor, StandIn) for tensor in tensors):
            return function(*args, **kwargs)
        if any(not isinstance(tensor, StandIn) and tensor.dim() for tensor in tensors):
            raise RuntimeError("Expected all tensors to be on the same device")
        out = function(*(each(held, value) for value in args), **{k: each(held, v) for k, v in kwargs.items()})
        return each(placed, out)

    return run


def in_context(function: Callable, context: Callable) -> Callable:
    """A function that takes a path of the CPU's own unless told otherwise."""

    def run(*args, **kwargs):
        with context():
            return function(*args, **kwargs)

    return run


@contextmanager
def plain_recurrence() -> Iterator[None]:
    before = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before)


def plain_attention():
    return sdpa_kernel(SDPBackend.MATH)


# Quantiles are worked out in float64 on a CPU; attention and LSTM have kernels there that MPS doesn't see.
CHOOSERS = [
    (torch, "quantile", by_itself(torch.quantile)),
    (torch.nn.functional, "scaled_dot_product_attention",
     in_context(torch.nn.functional.scaled_dot_product_attention, plain_attention)),
    (torch._VF, "lstm", in_context(torch._VF.lstm, plain_recurrence)),
    (torch._VF, "gru", in_context(torch._VF.gru, plain_recurrence)),
]  # fmt: skip


@contextmanager
def present() -> Iterator[torch.device]:
    """Inside, this machine has an MPS device, which is stood in for; yields it with its index."""
    replaced = [
        (torch, "Generator", Generator),
        (torch, "tensor", made_with(torch.tensor)),
        (torch, "as_tensor", made_with(torch.as_tensor)),
        (torch.Tensor, "to", to),
        (torch.Tensor, "cpu", lambda self, *args: to(self, "cpu")),
        (torch.Tensor, "type_as", lambda self, other: to(self, other)),
        (torch.backends.mps, "is_available", lambda: True),
        (torch.backends.mps, "is_built", lambda: True),
        (torch.mps, "manual_seed", lambda seed: None),
        (torch.mps, "get_rng_state", torch.get_rng_state),
        (torch.mps, "set_rng_state", torch.set_rng_state),
        (torch.mps, "synchronize", lambda: None),
        (torch.mps, "empty_cache", lambda: None),
        *CHOOSERS,
    ]
    with ExitStack() as stack:
        for owner, name, function in replaced:
            stack.enter_context(mock.patch.object(owner, name, function))
        stack.enter_context(Mode())
        yield DEVICE
    Generator.made.clear()
