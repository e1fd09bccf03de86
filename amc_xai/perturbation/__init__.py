"""Where to mask an image (selectors) and how (operators)."""

from importlib import import_module

_HOME = {
    "View": "view",
    "DoesNotApply": "view",
    "PerturbationPlan": "plan",
    "Ranking": "masks",
    "Support": "masks",
    "masked_count": "masks",
    "rank_pixels": "masks",
    "lowest_ranked": "masks",
    "Selector": "selectors",
    "RankedSelector": "selectors",
    "Top": "selectors",
    "Bottom": "selectors",
    "Random": "selectors",
    "RandomMatched": "matched",
    "Annulus": "geometry",
    "Sector": "geometry",
    "Cluster": "geometry",
    "annuli": "geometry",
    "sectors": "geometry",
    "SymbolInstants": "symbols",
    "Transitions": "symbols",
    "whole_instants": "symbols",
    "Attribution": "score",
    "attribution_of_tasks": "score",
    "SymbolSelector": "symbol_players",
    "FrameSymbols": "symbol_players",
    "EVERYWHERE": "symbol_players",
    "without_symbols": "refill",
    "Donors": "swap",
    "Swap": "swap",
    "Published": "published",
    "published_sides": "published",
    "Operator": "operators",
    "Zero": "operators",
    "LocalMean": "operators",
    "Resample": "operators",
    "Noise": "operators",
    "ChangedArea": "area",
    "changed_area": "area",
    "compare_trees": "area",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    # Resolved on first use: importing the package, or asking for --help, must not import torch.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
