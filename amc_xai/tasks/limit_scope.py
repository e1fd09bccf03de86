"""Of which frames the limit is known, in words where it isn't."""

from amc_xai.data import FrameSource
from amc_xai.data.contracts import lengths_of
from amc_xai.errors import UserError
from amc_xai.signal import Channel
from amc_xai.signal.pulses import ORTHOGONAL


def refuse_unknown_limit(source: FrameSource) -> None:
    """Raise UserError unless frames are symbols in white noise, whose likelihood can be written down."""
    # Told by what it knows, not by its class: where frames are kept (dataset.residency) wraps the source.
    if not hasattr(source, "channel"):
        raise UserError("limits are known for dataset=synthetic alone: other frames don't say how they were made")
    channel: Channel = source.channel
    if channel.multipath is not None:
        raise UserError("limits are known for white noise alone; use dataset.channel.multipath=null")
    if channel.filters or channel.converts or channel.clock_offset_ppm:
        raise UserError(
            "limits are known for white noise alone: behind a receiver's filter, with coloured noise, DC, "
            "imbalance, clipping, quantisation or a clock that is off, nobody knows what is possible "
            "(dataset/channel=awgn)"
        )
    if len(channel.pulse) > 1:
        raise UserError("limits are known for one pulse; give dataset.channel.pulse one name")
    if source.samples_per_symbol is None or lengths_of(source) is not None:
        raise UserError(
            "limits are known for one frame length and one number of samples a symbol; give "
            "dataset.frame_length and dataset.samples_per_symbol one value each"
        )


def bound_in_words(source: FrameSource) -> str | None:
    """What the limit is of frames whose pulse interferes with itself; None where it is the limit itself."""
    (pulse,) = source.channel.pulse
    if pulse in ORTHOGONAL:
        return None
    return (
        f"of frames with the pulse {pulse} the limit is the matched-filter bound, as if each symbol came alone: "
        "an upper bound, which intersymbol interference keeps out of reach"
    )
