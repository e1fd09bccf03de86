"""What a configuration gives each part, held against what the part takes: keys by name, values by type.

Whatever is wrong with a value's kind is said before work, in one sentence that names the key; whether a number
lies in its range is for the part itself to say.
"""

import importlib.util
import inspect
import math
import os
import shlex
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hydra.utils import get_object

from amc_xai.errors import UserError, command_again, guess, one_line

TRUST = "AMC_XAI_TRUST"  # the environment variable that adds to what a configuration may call
WORDS = {
    int: "a whole number",
    float: "a finite number",
    bool: "true or false",
    str: "a word",
    type(None): "null",
    dict: "a mapping",
}
PLURALS = {int: "whole numbers", float: "finite numbers", str: "words", bool: "true or false"}


def check_arguments(node: Any, where: str, trusted: tuple[str, ...]) -> None:
    """Check every mapping with a ``_target_`` in ``node``, a plain container that stands at the key ``where``.

    Targets that ``trusted`` doesn't allow are not looked at: to look is to import.

    Raises:
        UserError: for a target that isn't trusted or isn't there, a key that it doesn't take, or a value of the
            wrong kind.
    """
    if isinstance(node, dict):
        target = node.get("_target_")
        if isinstance(target, str):
            if not any(fnmatchcase(target, pattern) for pattern in trusted):
                raise UserError(untrusted(target, where))
            refuse_absent(target, where)
            check_call(target, {k: v for k, v in node.items() if not is_reserved(k)}, where)
        for key, value in node.items():
            check_arguments(value, f"{where}.{key}", trusted)
    elif isinstance(node, list):
        for k, value in enumerate(node):
            check_arguments(value, f"{where}[{k}]", trusted)


def untrusted(target: str, where: str) -> str:
    """How to say that a part of one's own may be called."""
    already = os.environ.get(TRUST)
    trust = ",".join([*([already] if already else []), f"{target.partition('.')[0]}.*"])
    return (
        f"{where}: a configuration may call this package and torch, and {target} is of another; if you trust it, "
        f"give the command again as: {command_again(environment=f'{TRUST}={shlex.quote(trust)}')}"
    )


def refuse_absent(target: str, where: str) -> None:
    """Raise UserError where there is no such class or function, with what may be meant or missing."""
    top = target.partition(".")[0]
    if top not in sys.modules and importlib.util.find_spec(top) is None:
        raise UserError(
            f"{where}: {target} isn't on Python's path; give the command in the folder that holds {top}.py, "
            f"or name that folder: {command_again(environment='PYTHONPATH=FOLDER')}"
        )
    held, names = None, target.split(".")
    for place, name in enumerate(names):
        before, so_far = held, ".".join(names[: place + 1])
        try:
            # A module within a package is no attribute of it before it is imported.
            package = hasattr(held, "__path__") and not hasattr(held, name)
            module = held is None or (package and importlib.util.find_spec(so_far) is not None)
            held = importlib.import_module(so_far) if module else getattr(held, name, None)
        except Exception as error:  # whatever the user's own module does wrong
            reason = f"{type(error).__name__}: {one_line(error)}"
            raise UserError(f"{where}: {target} can't be loaded ({reason})") from error
        if held is None:
            raise UserError(f"{where}: {so_far.rpartition('.')[0]} has no {name}{guess(name, dir(before))}")


def is_reserved(key: str) -> bool:
    """Whether Hydra keeps this key for itself, such as ``_partial_``."""
    return key.startswith("_") and key.endswith("_")


def check_call(target: str, given: dict[str, Any], where: str) -> None:
    """Check the keyword arguments of one call."""
    try:
        called = get_object(target)
        parameters = inspect.signature(called).parameters
        hints = get_type_hints(called.__init__ if inspect.isclass(called) else called)
    except Exception:  # nothing that tells what it takes: making it will say more
        return
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    name = target.rpartition(".")[2]
    for key, value in given.items():
        if key not in parameters and not takes_any:
            known = [p.name for p in parameters.values() if p.default is not p.empty or p.name in given]
            raise UserError(
                f"{where}.{key}: {name} takes no {key}{guess(key, known)}; "
                f"it takes {', '.join(known) or 'no keys'}"
            )
        if key in hints and not fits(value, hints[key]):
            raise UserError(f"{where}.{key} must be {in_words(hints[key])}, not {value!r}")


def fits(value: Any, hint: Any) -> bool:
    """Whether a plain value is of the kind that an annotation asks for."""
    if isinstance(value, dict) and "_target_" in value:
        return True  # a part of its own, which is checked by itself
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, option) for option in inner)
    if origin is Literal:
        return value in inner
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str, dict, type(None)):
        return isinstance(value, hint)
    if origin in (dict, Mapping):
        return isinstance(value, dict)
    if origin is tuple and inner and inner[-1] is not Ellipsis:
        return isinstance(value, list) and len(value) == len(inner) and all(map(fits, value, inner))
    if origin in (list, Sequence, tuple):
        return isinstance(value, list) and all(fits(entry, inner[0]) for entry in value)
    # A class or a callable can't be written as a number or a word; of what else there is nothing is known.
    part = hint is not Any and (inspect.isclass(hint) or origin is Callable)
    return not (part and isinstance(value, int | float | str | list))


def in_words(hint: Any) -> str:
    """What an annotation asks for, such as ``a list of finite numbers or null``."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(in_words(option) for option in inner))
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin is tuple and inner and inner[-1] is not Ellipsis:
        return f"a list of {len(inner)} {PLURALS.get(inner[0], 'entries')}"
    if origin in (list, Sequence, tuple):
        return f"a list of {PLURALS.get(inner[0], 'entries')}"
    if origin is Mapping:
        return WORDS[dict]
    return WORDS.get(origin or hint) or f"a part ({getattr(hint, '__name__', hint)})"
