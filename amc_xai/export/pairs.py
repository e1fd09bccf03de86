"""Complex numbers as pairs of real ones: ONNX has none, and what finds symbols works on little else.

A module is traced once by ``torch.export``, and its graph is run with every complex value as a :class:`Pair`. That
run can be traced and exported, for it does the same with real numbers alone.
"""

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import fx, nn
from torch.utils import _pytree as pytree

from amc_xai.export.transform import MatrixTransform

aten = torch.ops.aten


class Pair:
    """A complex tensor by its parts, float32 of one shape."""

    def __init__(self, real: torch.Tensor, imaginary: torch.Tensor):
        self.real, self.imaginary = real, imaginary


class Viewed(NamedTuple):
    """A pair as ``view_as_real`` shows it: nearly always one part is picked out of it."""

    pair: Pair

    def stacked(self) -> torch.Tensor:
        return torch.stack([self.pair.real, self.pair.imaginary], -1)


class WithoutComplex(nn.Module):
    """The same as a traced module computes, without complex numbers."""

    def __init__(self, traced: fx.GraphModule):
        super().__init__()
        self.traced = traced
        self.transforms = nn.ModuleDict()
        for node in traced.graph.nodes:
            if node.op == "get_attr":
                self._take_apart(node.target)
            elif node.target is aten._fft_c2c.default:
                self.transforms[node.name] = transform_of(node)

    def _take_apart(self, name: str) -> None:
        """Keep a complex constant as two real ones: parts taken while tracing would be complex operations."""
        value = operator.attrgetter(name)(self.traced)
        if isinstance(value, torch.Tensor) and value.is_complex():
            for part in ("real", "imag"):
                self.register_buffer(constant_name(name, part), getattr(value, part).clone().contiguous())

    def forward(self, iq: torch.Tensor) -> Any:
        return _Run(self).run(iq)


def constant_name(name: str, part: str) -> str:
    return f"{name.replace('.', '_')}_{part}"


def transform_of(node: fx.Node) -> MatrixTransform:
    """The transform that a node of the graph computes."""
    x, dimensions, norm, forward = node.args
    shape = x.meta["val"].shape
    if len(shape) != 2 or list(dimensions) not in ([1], [-1]):
        raise NotImplementedError(f"a transform of {len(shape)} dimensions over {dimensions}")
    length = int(shape[1])
    return MatrixTransform(length, forward, (1.0, length**-0.5, 1.0 / length)[norm])


class _Run(fx.Interpreter):
    """One run of the graph, on pairs where it has complex values."""

    def __init__(self, whole: WithoutComplex):
        super().__init__(whole.traced, garbage_collect_values=True)
        self.whole = whole

    def get_attr(self, target: str, args: Any, kwargs: Any) -> Any:
        if hasattr(self.whole, constant_name(target, "real")):
            return Pair(*(getattr(self.whole, constant_name(target, part)) for part in ("real", "imag")))
        return super().get_attr(target, args, kwargs)

    def run_node(self, n: fx.Node) -> Any:
        if n.target is aten._fft_c2c.default:
            x = self.env[n.args[0]]
            return Pair(*self.whole.transforms[n.name](x.real, x.imaginary))
        return super().run_node(n)

    def call_function(self, target: Callable, args: Any, kwargs: Any) -> Any:
        flat = pytree.tree_leaves((args, kwargs), is_leaf=lambda x: isinstance(x, Viewed))
        if target is aten.select.int and isinstance(args[0], Viewed):
            viewed, dimension, which = args
            real = viewed.pair.real
            if dimension in (-1, real.ndim):
                return real if which == 0 else viewed.pair.imaginary
        if any(isinstance(x, Viewed) for x in flat):
            args = tuple(x.stacked() if isinstance(x, Viewed) else x for x in args)
            return super().call_function(target, args, kwargs)
        if target in MAKERS and (target is not aten.full.default or kwargs.get("dtype") in COMPLEX):
            return MAKERS[target](*args, **kwargs)
        if not any(isinstance(x, Pair) for x in flat) and not makes_complex(flat):
            return super().call_function(target, args, kwargs)
        if target in ON_PARTS:
            return by_parts(target, args, kwargs)
        if target not in ON_PAIRS:
            raise NotImplementedError(f"{target} of complex numbers")
        return ON_PAIRS[target](*args, **kwargs)


COMPLEX = (torch.complex64, torch.complex128)


def makes_complex(values: list) -> bool:
    return any(isinstance(x, complex) for x in values)


def by_parts(target: Callable, args: Any, kwargs: Any) -> Pair:
    """What is done with both parts alike, such as picking some of them."""

    def of(part: int) -> Any:
        return pytree.tree_map(lambda x: parts_of(x)[part] if isinstance(x, Pair) else x, (args, kwargs))

    return Pair(*(target(*own, **named) for own, named in (of(0), of(1))))


def parts_of(x: Any) -> tuple[Any, Any]:
    """Real and imaginary part of anything; the latter is None of what is real."""
    if isinstance(x, Pair):
        return x.real, x.imaginary
    if isinstance(x, complex):
        return x.real, x.imag
    return x, None


def multiplied(a: Any, b: Any) -> Pair:
    (ar, ai), (br, bi) = parts_of(a), parts_of(b)
    if ai is None:
        return Pair(br * ar, bi * ar)
    if bi is None:
        return Pair(ar * br, ai * br)
    return Pair(ar * br - ai * bi, ar * bi + ai * br)


def divided(a: Any, b: Any) -> Pair:
    if parts_of(b)[1] is not None:
        raise NotImplementedError("a quotient of complex numbers")
    return Pair(a.real / b, a.imaginary / b)


def product_of_matrices(a: Any, b: Any) -> Pair:
    (ar, ai), (br, bi) = parts_of(a), parts_of(b)
    if ai is None:
        return Pair(ar @ br, ar @ bi)
    if bi is None:
        return Pair(ar @ br, ai @ br)
    return Pair(ar @ br - ai @ bi, ar @ bi + ai @ br)


def added(a: Any, b: Any, sign: int = 1) -> Pair:
    (ar, ai), (br, bi) = parts_of(a), parts_of(b)
    real = ar + br if sign > 0 else ar - br
    if bi is None:
        return Pair(real, ai + torch.zeros_like(real))
    if ai is None:
        return Pair(real, sign * bi + torch.zeros_like(real))
    return Pair(real, ai + bi if sign > 0 else ai - bi)


def chosen(condition: torch.Tensor, a: Any, b: Any) -> Pair:
    (ar, ai), (br, bi) = parts_of(a), parts_of(b)
    ai, bi = (0 if part is None else part for part in (ai, bi))
    return Pair(torch.where(condition, ar, br), torch.where(condition, ai, bi))


def power(a: Pair, exponent: float) -> Pair:
    if exponent != 2:
        raise NotImplementedError(f"the power {exponent} of complex numbers")
    return multiplied(a, a)


def filled_like(a: Pair, value: complex, **_: Any) -> Pair:
    value = complex(value)
    return Pair(torch.full_like(a.real, value.real), torch.full_like(a.real, value.imag))


def filled(size: list, value: complex, dtype: torch.dtype, **_: Any) -> Pair:
    value = complex(value)
    return Pair(torch.full(size, value.real), torch.full(size, value.imag))


def copied(a: Any, b: Any, *_: Any) -> Pair:
    """``b`` in the shape of ``a``."""
    (br, bi), like = parts_of(b), a.real if isinstance(a, Pair) else a
    return Pair(br + torch.zeros_like(like), torch.zeros_like(like) if bi is None else bi + torch.zeros_like(like))


def padded(a: Pair, pad: list, value: float = 0) -> Pair:
    return Pair(*(aten.constant_pad_nd.default(part, pad, value) for part in (a.real, a.imaginary)))


def frequencies(count: int, spacing: float = 1.0, **_: Any) -> torch.Tensor:
    """``torch.fft.fftfreq``, which the exporter doesn't know."""
    k = torch.arange(count)
    return torch.where(k < (count + 1) // 2, k, k - count) / (count * spacing)


def angle(imaginary: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """``atan2``; the exporter makes a quotient of it, which is NaN at 0, where the angle is 0."""
    return torch.atan2(imaginary, torch.where((real == 0) & (imaginary == 0), 1, real))


MAKERS = {
    aten.fft_fftfreq.default: frequencies,
    aten.atan2.default: angle,
    aten.complex.default: Pair,
    aten.polar.default: lambda radius, angle: Pair(radius * angle.cos(), radius * angle.sin()),
    aten.full.default: filled,
}
ON_PARTS = {
    aten.slice.Tensor, aten.cat.default, aten.unsqueeze.default, aten.squeeze.dims, aten.squeeze.dim,
    aten.view.default, aten.flip.default, aten.select.int, aten.expand.default, aten.index.Tensor,
    aten.permute.default, aten.sum.dim_IntList, aten.slice_scatter.default, aten.select_scatter.default,
    aten.clone.default, aten.alias.default, aten.neg.default, aten.repeat.default, aten.roll.default,
    aten.index_select.default, aten.mean.dim,
}  # fmt: skip
ON_PAIRS = {
    aten.view_as_real.default: Viewed,
    aten.mul.Tensor: multiplied,
    aten.div.Tensor: divided,
    aten.add.Tensor: added,
    aten.sub.Tensor: lambda a, b: added(a, b, -1),
    aten.mm.default: product_of_matrices,
    aten.bmm.default: product_of_matrices,
    aten.where.self: chosen,
    aten._conj.default: lambda a: Pair(a.real, -a.imaginary),
    aten.abs.default: lambda a: (a.real.square() + a.imaginary.square()).sqrt(),
    aten.angle.default: lambda a: angle(a.imaginary, a.real),
    aten.pow.Tensor_Scalar: power,
    aten.full_like.default: filled_like,
    aten.copy.default: copied,
    aten.constant_pad_nd.default: padded,
    aten.sym_size.int: lambda a, dimension: a.real.shape[dimension],
}
