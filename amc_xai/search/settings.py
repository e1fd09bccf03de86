"""The sweeper's own settings, checked before a study is opened."""

import logging

from amc_xai.errors import UserError

log = logging.getLogger(__name__)


def check_settings(
    study_name: str | None,
    n_trials: int,
    n_jobs: int,
    max_failure_rate: float,
    heartbeat: int,
    grace: int,
    max_repeats: int,
) -> None:
    """Raise UserError for the first key of ``hydra.sweeper`` that can't be meant."""
    rules = {
        "study_name": (bool(study_name), "must be the study's name, such as my_search"),
        "n_trials": (n_trials >= 1, f"must be 1 or more, not {n_trials}"),
        "n_jobs": (n_jobs >= 1, f"must be 1 or more, not {n_jobs}"),
        "max_failure_rate": (0 <= max_failure_rate <= 1, f"must lie in [0, 1], not {max_failure_rate}"),
        "heartbeat": (heartbeat >= 1, f"must be 1 second or more, not {heartbeat}"),
        "grace": (grace > heartbeat, f"must be longer than heartbeat ({heartbeat} seconds), not {grace}"),
        "max_repeats": (max_repeats >= 0, f"must be 0 or more, not {max_repeats}"),
    }
    for key, (holds, rule) in rules.items():
        if not holds:
            raise_logged(f"hydra.sweeper.{key} {rule}")


def raise_logged(sentence: str) -> None:
    """Log and raise: outside a job nobody else prints the sentence."""
    log.error("%s", sentence)
    raise UserError(sentence)
