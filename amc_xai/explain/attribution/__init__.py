"""Which pixels or samples an answer rests on: attribution maps, one file a method."""

from importlib import import_module

_HOME = {
    "AttributionPlan": "plan",
    "Method": "method",
    "attribute": "method",
    "attribute_input": "method",
    "contrast_input": "method",
    "GradCam": "grad_cam",
    "ExpectedGradients": "gradients",
    "GradientShap": "gradients",
    "IntegratedGradients": "integrated_gradients",
    "Occlusion": "occlusion",
    "Rise": "rise",
    "SmoothGrad": "gradients",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    # Resolved on first use, as in the room around it: reading the files of a run must not import torch.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
