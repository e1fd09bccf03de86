"""What no classifier can beat: likelihood classifier, SNR bound, and the classical methods beside them."""

from amc_xai.limits.anchors import anchor_decisions
from amc_xai.limits.cache import cached_limits, cached_reachable
from amc_xai.limits.carrier import CarrierPrior
from amc_xai.limits.crb import accuracy_on_grid, data_aided_db, non_data_aided_db
from amc_xai.limits.decisions import LimitRow, Settings, find_limits
from amc_xai.limits.gain import gain_free_log_likelihood
from amc_xai.limits.likelihood import hybrid_log_likelihood, log_likelihood
from amc_xai.limits.observation import FrameModel, Observation, observe
from amc_xai.limits.reachable import ReachableRow, find_reachable
from amc_xai.limits.table import write_limits_csv

__all__ = [
    "CarrierPrior",
    "FrameModel",
    "LimitRow",
    "Observation",
    "ReachableRow",
    "Settings",
    "accuracy_on_grid",
    "anchor_decisions",
    "cached_limits",
    "cached_reachable",
    "data_aided_db",
    "find_limits",
    "find_reachable",
    "gain_free_log_likelihood",
    "hybrid_log_likelihood",
    "log_likelihood",
    "non_data_aided_db",
    "observe",
    "write_limits_csv",
]
