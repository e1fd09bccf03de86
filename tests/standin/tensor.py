"""A device that isn't there: real values, computed on the CPU, in tensors that behave as on Apple's MPS.

A stand-in tensor says that it lies on ``mps:0``. Together with a tensor of the CPU it is refused (numbers of no
dimension apart, as in torch); so are float64 and complex128, the operators that MPS lacks (`mps_lacks.txt`),
generators of another device, and numpy. What fails here fails on a Mac; that what passes here works there, only a
Mac can tell.

How: a tensor subclass around a CPU tensor, whose Python side answers for the device, and a dispatch mode that sees
every operator below autograd, so that factories with ``device="mps"`` give stand-ins too. The C++ side takes the
stand-in for a CPU tensor; `device.py` sees to what asks for the device there.
"""

import functools
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

DEVICE = torch.device("mps", 0)


def listed(name: str) -> set[str]:
    """The operators that a list beside this file names."""
    lines = Path(__file__).with_name(name).read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


LACKING, NOT_COMPLEX = listed("mps_lacks.txt"), listed("mps_lacks_complex.txt")
TOO_WIDE = (torch.float64, torch.complex128)
aten = torch.ops.aten
# Whose index tensors may lie on the CPU, whatever they index.
INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
# Beside the pointwise operators, those that take a CPU tensor of no dimension.
TAKE_NUMBERS = {aten.fill_.Tensor, aten.masked_fill.Tensor, aten.masked_fill_.Tensor, *INDEXING}


def stands_in(device: object) -> bool:
    """Whether ``device`` (a name, a ``torch.device`` or None) is the one that is stood in for."""
    return device is not None and not isinstance(device, int) and torch.device(device).type == DEVICE.type


class StandIn(torch.Tensor):
    """A tensor on the stand-in device; ``held`` (a CPU tensor) has the values."""

    held: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "StandIn":
        # A tensor of inference mode could be no view of one from before, and views are made in here too.
        with torch.inference_mode(False):
            self = torch.Tensor._make_wrapper_subclass(
                cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
                layout=held.layout, device=held.device,
            )  # fmt: skip
        self.held = held
        return self

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return dispatched(func, args, kwargs or {})

    # nn.Module.to swaps tensors that can be taken apart, and keeps each parameter the object that it was.
    def __tensor_flatten__(self):
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(inner, meta, size, stride):
        return StandIn(inner["held"])

    device = property(lambda self: DEVICE)
    is_cpu = property(lambda self: False)
    is_mps = property(lambda self: True)

    @property
    def data(self) -> torch.Tensor:
        return self.detach()

    @data.setter
    def data(self, value: torch.Tensor) -> None:
        # What nn.Module.to does with parameters that come back to the CPU: they stay the objects that they were.
        torch.utils.swap_tensors(self, torch.nn.Parameter(value, self.requires_grad))

    def get_device(self) -> int:
        return DEVICE.index

    def quantile(self, *args, **kwargs) -> "StandIn":
        return torch.quantile(self, *args, **kwargs)

    def new_tensor(self, data, *, dtype: torch.dtype | None = None, device=DEVICE, **kwargs) -> torch.Tensor:
        return torch.tensor(data, dtype=dtype or self.dtype, device=device, **kwargs)

    def numpy(self, *, force: bool = False):
        if force:
            return self.held.numpy(force=True)
        raise TypeError(
            f"can't convert {DEVICE} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
            "memory first."
        )

    def __array__(self, *args, **kwargs):
        return self.numpy()

    def tolist(self):
        return self.held.tolist()

    def item(self):
        return self.held.item()

    def data_ptr(self) -> int:
        return self.held.data_ptr()

    def pin_memory(self, *args):
        raise RuntimeError(f"cannot pin '{DEVICE}' memory: only dense CPU tensors can be pinned")

    def __repr__(self, **kwargs) -> str:
        return f"StandIn({self.held!r})"

    def __format__(self, spec: str) -> str:
        return format(self.held.item() if self.dim() == 0 and spec else self.held, spec)

    def __deepcopy__(self, memo):
        copied = StandIn(self.held.clone()).requires_grad_(self.requires_grad)
        if getattr(self, "_is_param", False):
            copied._is_param = True
        memo[id(self)] = copied
        return copied

    def __reduce_ex__(self, protocol):
        # A checkpoint holds numbers; whoever loads it says where they go.
        return self.held.__reduce_ex__(protocol)


class Arrive(torch.autograd.Function):
    """From the CPU to the stand-in device; the gradient goes back."""

    @staticmethod
    def forward(ctx, x):
        return placed(x.clone())

    @staticmethod
    def backward(ctx, slope):
        return slope.held if isinstance(slope, StandIn) else slope


class Leave(torch.autograd.Function):
    """From the stand-in device to the CPU; the gradient comes along."""

    @staticmethod
    def forward(ctx, x):
        return x.held.clone()

    @staticmethod
    def backward(ctx, slope):
        return placed(slope)


def placed(held: torch.Tensor) -> StandIn:
    """A CPU tensor's values on the stand-in device."""
    if held.dtype in TOO_WIDE:
        raise TypeError(
            f"Cannot convert a MPS Tensor to {str(held.dtype).removeprefix('torch.')} dtype as the MPS framework "
            "doesn't support it. Please use float32 instead."
        )
    return StandIn(held.resolve_conj().resolve_neg())


def each(function: Callable, value):
    """``function`` of every tensor in an argument or a result: it, a list of them, or none."""
    if isinstance(value, torch.Tensor):
        return function(value)
    return type(value)(each(function, part) for part in value) if type(value) in (list, tuple) else value


def held(value: torch.Tensor) -> torch.Tensor:
    """A stand-in's values; any other tensor as it is."""
    return value.held if isinstance(value, StandIn) else value


@functools.cache
def told_of(func) -> tuple[str, bool]:
    """An operator's name as the list has it, and whether a result of it is an argument, or a view of one."""
    name = f"{func._schema.name.removeprefix('aten::')}.{func._overloadname}".removesuffix(".default")
    return name, any(result.alias_info is not None for result in func._schema.returns)


def dispatched(func, args, kwargs):
    """Run one operator below autograd, on stand-ins or not."""
    tensors: list[torch.Tensor] = []
    generators = []
    for value in (*args, *kwargs.values()):
        for part in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(part, torch.Tensor):
                tensors.append(part)
            elif isinstance(part, ORIGINAL_GENERATOR):
                generators.append(part)
    here = [tensor for tensor in tensors if isinstance(tensor, StandIn)]
    made_here = stands_in(kwargs.get("device"))
    if not here and not made_here:
        return func(*args, **kwargs)
    name, aliases = told_of(func)
    if name in LACKING:
        raise NotImplementedError(f"The operator 'aten::{name}' is not currently implemented for the MPS device.")
    plain = name.split(".")[0].removesuffix("_")
    # A square arrives as a power, and is known there.
    if plain in NOT_COMPLEX and any(t.is_complex() for t in tensors) and not (plain == "pow" and args[1] == 2):
        raise RuntimeError(f"{name}(): Yet not supported for complex")
    if here and len(here) < len(tensors) and func not in (aten.copy_.default, aten._to_copy.default):
        check_together(func, name, [tensor for tensor in tensors if not isinstance(tensor, StandIn)])
    if any(generator._cdata not in Generator.made for generator in generators):
        raise RuntimeError(f"Expected a '{DEVICE.type}' device type for generator but found 'cpu'")
    bare = {key: each(held, value) for key, value in kwargs.items()}
    if made_here:
        bare["device"] = torch.device("cpu")
    out = func(*(each(held, value) for value in args), **bare)
    if func is aten.copy_.default and not isinstance(args[0], StandIn):
        return args[0]
    out = each(placed, out)
    return return_and_correct_aliasing(func, args, kwargs, out) if here and aliases else out


def check_together(func, name: str, elsewhere: list[torch.Tensor]) -> None:
    """Raise unless these CPU tensors may be together with stand-ins."""
    if func in INDEXING:
        elsewhere = [tensor for tensor in elsewhere if tensor.dtype not in (torch.int64, torch.bool)]
    pointwise = torch.Tag.pointwise in func.tags or func in TAKE_NUMBERS or name.startswith("_foreach")
    if any(tensor.dim() > 0 or not pointwise for tensor in elsewhere):
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, {DEVICE} and cpu! "
            f"(when checking the arguments of aten::{name})"
        )


class Mode(TorchDispatchMode):
    """Sees the operators that have no stand-in among their arguments: factories, and copies from the CPU."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return dispatched(func, args, kwargs or {})


class Generator(torch.Generator):
    """A generator that says where it was made for; its stream is the CPU's of the same seed."""

    # Operators get the C++ object in a fresh wrapper: told by its address. Kept, so that none is given out twice.
    made: dict[int, "Generator"] = {}  # noqa: RUF012

    def __new__(cls, device="cpu"):
        if not stands_in(device):
            return ORIGINAL_GENERATOR(device)
        self = super().__new__(cls, device="cpu")
        cls.made[self._cdata] = self
        return self

    device = property(lambda self: DEVICE)


ORIGINAL_GENERATOR = torch.Generator
