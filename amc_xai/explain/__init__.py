"""What a network's answers rest on: the Perturbation Impact Score."""

from importlib import import_module

_HOME = {
    "COLUMNS": "pis_table",
    "impact": "pis_table",
    "write_pis_csv": "pis_table",
    "read_pis_csv": "pis_table",
    "Setting": "perturbed",
    "PerturbedPredictions": "perturbed",
    "score_rows": "perturbed",
    "grouped_rows": "perturbed",
    "write_grouped_csv": "pis_table",
    "write_perturbed_confusions": "perturbed_confusions",
    "PisResult": "pis",
    "perturbation_scores": "pis",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    # Resolved on first use: importing the package, or reading a table, must not import torch.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
