"""Limits are kept on disk by the configuration that they belong to: the same ones are never worked out twice."""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from amc_xai.files import replacing
from amc_xai.limits.carrier import CarrierPrior
from amc_xai.limits.decisions import LimitRow, Settings, find_limits
from amc_xai.limits.reachable import ReachableRow, find_reachable
from amc_xai.signal.constellations import constellation

log = logging.getLogger(__name__)
VERSION = 5  # of the calculation: raise it whenever the same settings would give other numbers


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/amc_xai``, or ``~/.cache/amc_xai``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "amc_xai"


def cache_key(settings: Settings, prior: CarrierPrior | None = None) -> str:
    """A hash of all that the numbers depend on, the ideal points included, but not of the number of frames."""
    values = asdict(settings) | {"version": VERSION}
    del values["frames_per_cell"]
    if prior is not None:
        values["carrier"] = asdict(prior)
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for name in settings.judged:
        digest.update(constellation(name).numpy().round(9).tobytes())
    return digest.hexdigest()[:24]


def cached_limits(settings: Settings, progress: Callable | None = None) -> list[LimitRow]:
    """The limits from the cache if it holds them from as many frames or more, else worked out and kept.

    A cache that can't be read or written is passed over.
    """
    find = [progress] if progress else []
    return _cached(f"limits-{cache_key(settings)}", settings, LimitRow, lambda: find_limits(settings, *find))


def cached_reachable(
    settings: Settings, prior: CarrierPrior, progress: Callable | None = None
) -> list[ReachableRow]:
    """What is reachable with the carrier unknown, likewise."""
    find = [progress] if progress else []
    name = f"reachable-{cache_key(settings, prior)}"
    return _cached(name, settings, ReachableRow, lambda: find_reachable(settings, prior, *find))


def _cached(name: str, settings: Settings, row: type, find: Callable[[], list]) -> list:
    path = cache_folder() / f"{name}.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["frames_per_cell"] >= settings.frames_per_cell:
            return [row(**values) for values in stored["rows"]]
    except (OSError, ValueError, KeyError, TypeError):
        log.debug("no limits in the cache at %s", path)
    rows = find()
    try:
        with replacing(path) as temporary:
            content = {"frames_per_cell": settings.frames_per_cell, "rows": [asdict(found) for found in rows]}
            temporary.write_text(json.dumps(content), encoding="utf-8")
    except OSError as error:
        log.debug("the limits can't be kept at %s: %s", path, error)
    return rows
