"""Checkpoints: tensors and plain values only, so that ``torch.load(weights_only=True)`` reads them."""

from pathlib import Path

import torch

from amc_xai import builtin
from amc_xai.errors import UserError
from amc_xai.files import replacing


def save_checkpoint(path: Path, state: dict) -> None:
    """Write ``state``; the file appears whole or not at all."""
    with replacing(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path: str | Path, key: str = "checkpoint") -> dict:
    """Read a checkpoint onto the CPU; ``builtin`` names the one that comes with the package.

    Raises:
        UserError: naming ``key``, if the file is absent or is no checkpoint of this package; for ``resume``, if it
            lacks what a training needs to go on.
    """
    path, name = builtin.resolved(path, key), "last.pt" if key == "resume" else "best.pt"
    if path.is_dir():
        raise UserError(f"{key}: {path} is a folder; name the file, such as {path}/checkpoints/{name}")
    if not path.is_file():
        raise UserError(f"{key}: there is no file {path}; a run leaves its own in checkpoints/{name}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Bytes that are no checkpoint break the unpickler wherever they happen to: there is no list of its errors.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{key}: {path} can't be read as a checkpoint ({reason[:160]})") from error
    if not isinstance(state, dict) or not {"network", "config", "modulations", "snrs"} <= state.keys():
        raise UserError(f"{key}: {path} is no checkpoint of amc_xai (it lacks network, config or class lists)")
    if key == "resume" and "optimizer" not in state:
        raise UserError(
            f"resume: {path} holds the weights of one epoch alone, to test and to use; a training goes on from "
            "the last.pt beside it"
        )
    if key == "resume" and "optimizer_settings" not in state:
        raise UserError(
            f"resume: {path} was written by an amc_xai that measured its validation loss otherwise, so that the "
            "training can't go on from it; test it with task=evaluate checkpoint=..., or begin anew"
        )
    return state


def random_state() -> dict:
    """The state of every random stream that training draws from."""
    state = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def restore_random_state(state: dict) -> None:
    """Put back what :func:`random_state` gave."""
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
