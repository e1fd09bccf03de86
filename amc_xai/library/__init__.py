"""The package from Python: a trained network that is handed samples and gives answers."""

from amc_xai.library.answers import Explanation, Prediction
from amc_xai.library.net import Net, load

__all__ = ["Explanation", "Net", "Prediction", "load"]
