"""Hooks: what the training loop asks of a part beside its main work.

Each kind of part has a protocol that writes its hooks down (``LossHooks``, ``BackboneHooks``, ``SamplerHooks``). A
part defines those that it needs and inherits from nothing; where it defines none, the protocol's own stands in.
"""

import inspect
from types import SimpleNamespace
from typing import TypeVar, cast

from amc_xai.errors import UserError

P = TypeVar("P")


def hooks_of(part: object, protocol: type[P]) -> P:
    """The hooks of ``part``: its own methods, and the protocol's for those that its class doesn't define.

    Raises:
        UserError: if one of its own can't be called as the protocol says.
    """
    bound = {}
    for name, default in vars(protocol).items():
        if name.startswith("_") or not inspect.isfunction(default):
            continue
        asked = [parameter for parameter in inspect.signature(default).parameters if parameter != "self"]
        if not defines(part, name):
            bound[name] = default.__get__(part)
            continue
        bound[name] = getattr(part, name)
        try:
            inspect.signature(bound[name]).bind(*asked)
        except TypeError as error:
            raise UserError(
                f"{type(part).__name__}.{name} must take ({', '.join(asked)}), as {protocol.__name__} has it: "
                f"{error}"
            ) from error
    return cast(P, SimpleNamespace(**bound))


def defines(part: object, name: str) -> bool:
    """Whether the class of ``part`` has a method of that name; a layer that happens to bear it is no hook."""
    return callable(getattr(type(part), name, None))
