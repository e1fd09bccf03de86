"""What a modulation is: classes, ideal points, waveforms, channel.

Names are imported on first use, so that `amc_xai.signal.classes` can be had without importing torch.
"""

from importlib import import_module

_HOMES = {
    "MODULATIONS": "classes",
    "DIGITAL_17": "classes",
    "LINEAR": "classes",
    "ANALOG": "classes",
    "SNRS_RADIOML": "classes",
    "constellation": "constellations",
    "padded_constellations": "constellations",
    "root_raised_cosine_spectrum": "filters",
    "root_raised_cosine_taps": "filters",
    "Channel": "channel",
    "Draws": "draws",
    "draw_fresh": "draws",
    "draw_seeded": "draws",
    "Frames": "waveform",
    "FrameParameters": "parameters",
    "es_n0_db": "snr",
    "frame_parameters": "parameters",
    "synthesise": "waveform",
}

__all__ = list(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
