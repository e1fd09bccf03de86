"""``loss.target``: of which frames the exact posterior can be had, in words where it can't."""

import logging
import time

import torch

from amc_xai.data import FrameSource
from amc_xai.errors import UserError
from amc_xai.limits.posterior import ClassPosterior
from amc_xai.parts import Parts
from amc_xai.signal import Channel
from amc_xai.signal.classes import LINEAR

log = logging.getLogger(__name__)


def make_teacher(parts: Parts, source: FrameSource, device: torch.device) -> ClassPosterior | None:
    """What gives fresh training frames the posterior that ``loss.target`` asks for; None for labels.

    Raises:
        UserError: where the posterior of these frames isn't exact, or isn't known.
    """
    target = parts.config["loss"].get("target", "label")
    if target == "label":
        return None
    why = unknown_posterior(source) or inexact_channel(source.channel) or changed_pulse(source)
    if why is not None:
        raise UserError(f"loss.target={target} {why}, or use loss.target=label")
    begin = time.perf_counter()
    teacher = ClassPosterior(
        source.modulations, source.snrs, source.frame_length, source.samples_per_symbol, source.channel, device
    )
    log.info("loss.target=%s: tables of the likelihood made in %.1f s", target, time.perf_counter() - begin)
    return teacher


def refuse_changed_frames(parts: Parts, augment: object) -> None:
    """Raise UserError where an augmentation changes frames after their posterior is known."""
    target = parts.config["loss"].get("target", "label")
    if target != "label" and getattr(augment, "kinds", True):
        raise UserError(
            f"loss.target={target} is the posterior of frames as they were made, and augmentation changes them; "
            "use augmentation=none, or loss.target=label"
        )


def unknown_posterior(source: FrameSource) -> str | None:
    """Why nobody knows the posterior of these frames."""
    # Told by what it knows, not by its class: a source may be wrapped.
    if not hasattr(source, "channel") or not getattr(source, "endless", False):
        return (
            "needs frames drawn fresh for training, whose truth is known; use dataset=synthetic with "
            "dataset.endless=true"
        )
    strange = [name for name in source.modulations if name not in LINEAR]
    if strange:
        return (
            f"needs classes of independent symbols on a pulse, and {strange[0]} is none; leave it out of "
            "dataset.modulations"
        )
    if source.samples_per_symbol is None:
        return "needs one number of samples a symbol; give dataset.samples_per_symbol one value"
    return None


def inexact_channel(channel: Channel) -> str | None:
    """Which part of the channel the posterior can't undo."""
    reasons = {
        "multipath": channel.multipath is not None,
        "iq_gain_std_db and iq_phase_std_deg": bool(channel.iq_gain_std_db or channel.iq_phase_std_deg),
        "phase_noise_std": bool(channel.phase_noise_std),
        "a receiver's filter, clock, imbalance, DC, clipping or quantisation": bool(
            channel.filters or channel.converts or channel.clock_offset_ppm
        ),
    }
    found = [name for name, on in reasons.items() if on]
    if found:
        return f"is exact in white noise alone, not with {found[0]} of dataset.channel; use dataset/channel=awgn"
    return None


def changed_pulse(source: FrameSource) -> str | None:
    """Why the pulse is none that the posterior is exact for."""
    channel, names = source.channel, source.channel.pulse
    if len(names) > 1:
        return "is exact for one pulse; give dataset.channel.pulse one name"
    low, high = channel.roll_off
    if names[0] == "raised_cosine" and low < high:
        return "is exact for one roll-off of a raised_cosine pulse; give dataset.channel.roll_off one value twice"
    lengths = getattr(source, "length_range", (0, 0))
    if names[0] != "root_raised_cosine" and lengths[0] < lengths[1]:
        return f"is exact for one length of frames with the pulse {names[0]}; give dataset.frame_length one value"
    return None
