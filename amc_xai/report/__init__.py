"""From the files of a run folder to figures, a page and a table. Never a model, never a display."""

from importlib import import_module
from typing import Any

_EXPORTS = {
    "draw_figures": "figures",
    "write_page": "page",
    "summary_table": "table",
    "Gallery": "gallery",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return __all__
