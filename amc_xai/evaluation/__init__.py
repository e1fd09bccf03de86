"""From a table of predictions to numbers with intervals. Reads arrays and files, never a model.

The function that makes ``metrics.json`` is ``amc_xai.evaluation.metrics.metrics``; it isn't re-exported here
because the name belongs to its module.
"""

from importlib import import_module
from typing import Any

_EXPORTS = {
    "Predictions": "predictions",
    "accuracy_counts_by_snr": "metrics",
    "chance": "metrics",
    "load_metrics": "metrics",
    "save_metrics": "metrics",
    "confusion_matrices": "confusion",
    "wilson": "intervals",
    "bootstrap": "intervals",
    "read_limits": "limit",
    "share_of_limit": "limit",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return __all__
