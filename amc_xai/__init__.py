"""Train, measure against the limit, and explain networks that name a signal's modulation and SNR.

As a library: ``net = amc_xai.load("best.pt")``, then ``net.predict(iq)`` and ``net.explain(iq)``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amc_xai.library import Explanation, Net, Prediction, load

__version__ = "0.1.0"
__all__ = ["Explanation", "Net", "Prediction", "load"]


def __getattr__(name: str) -> object:
    # Resolved on first use: importing the package must not import torch.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from amc_xai import library

    return getattr(library, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
