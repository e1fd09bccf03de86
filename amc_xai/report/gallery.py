"""``gallery.npz``: the images, and what was masked in them, that pictures are drawn from."""

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from amc_xai.errors import UserError
from amc_xai.files import replacing

MASK_PREFIX = "masks_"
ATTRIBUTION_PREFIX = "attribution_"
_NEEDED = ("image", "modulation", "snr", "channels")
_BY_FRAME = ("modulation", "snr", "modulation_predicted", "snr_predicted", "runner_up")
_OPTIONAL = ("modulation_predicted", "snr_predicted", "confidence", "axes", "runner_up")


@dataclass(frozen=True, eq=False)
class Gallery:
    """G frames as a network saw them. In the file, ``masks[selector]`` is the array ``masks_<selector>``.

    - ``image`` (G, C, H, W) float32; row index grows with Q, column index with I. Of a network on sequences the
      frames themselves, (G, C, L)
    - ``modulation`` (G,) str and ``snr`` (G,) float64 in dB: what was true
    - ``channels`` (C,) str
    - ``axes`` (C,) str, what the axes of each channel's pictures are, empty where unknown; or ``None``
    - ``extent`` () float: half width of the square in the units of I and Q, NaN where each frame has its own
    - ``modulation_predicted`` (G,) str, ``snr_predicted`` (G,) float64, ``confidence`` (G, 2) float32 (the
      probabilities of the named modulation and SNR), or ``None``
    - ``runner_up`` (G,) str, the modulation that comes next in probability, or ``None``
    - ``masks`` selector -> (G, C, H, W) bool, true where masked; ``mask_fraction`` () float, the nominal
      share of lit pixels masked, NaN where nothing is masked
    - ``attributions`` ``<method>_<task>`` -> float32 of the shape of ``image``, how much each pixel (or sample)
      speaks for the class that the network names (``<method>_contrast``: and against the runner-up); in the file
      ``attribution_<method>_<task>``

    Raises ``UserError`` where shapes contradict each other.
    """

    image: np.ndarray
    modulation: np.ndarray
    snr: np.ndarray
    channels: np.ndarray
    extent: float = float("nan")
    modulation_predicted: np.ndarray | None = None
    snr_predicted: np.ndarray | None = None
    confidence: np.ndarray | None = None
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    mask_fraction: float = float("nan")
    attributions: dict[str, np.ndarray] = field(default_factory=dict)
    axes: np.ndarray | None = None
    runner_up: np.ndarray | None = None

    def __post_init__(self) -> None:
        types = {
            "image": np.float32,
            "modulation": np.str_,
            "snr": np.float64,
            "channels": np.str_,
            "modulation_predicted": np.str_,
            "snr_predicted": np.float64,
            "confidence": np.float32,
            "axes": np.str_,
            "runner_up": np.str_,
        }
        for name, dtype in types.items():
            if getattr(self, name) is not None:
                object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=dtype))
        if self.image.ndim not in (3, 4) or self.image.shape[1] != self.channels.size:
            raise UserError(
                f"gallery: image has shape {self.image.shape}, expected (frames, {self.channels.size} "
                "channels, height, width), or (frames, channels, samples) of sequences."
            )
        frames = self.image.shape[0]
        shapes = {name: (frames,) for name in _BY_FRAME}
        for name, shape in (shapes | {"confidence": (frames, 2), "axes": self.channels.shape}).items():
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise UserError(f"gallery: {name} has shape {array.shape}, expected {shape}.")
        for selector, mask in self.masks.items():
            if mask.shape != self.image.shape or mask.dtype != np.bool_:
                raise UserError(
                    f"gallery: masks_{selector} is {mask.dtype} {mask.shape}, expected bool {self.image.shape}."
                )

        for name, scores in self.attributions.items():
            if scores.shape != self.image.shape:
                raise UserError(
                    f"gallery: attribution_{name} has shape {scores.shape}, expected {self.image.shape}."
                )

    def save(self, path: str | Path) -> Path:
        """Write the archive (compressed: images are mostly empty) by write-then-rename; return the path."""
        path = Path(path)
        arrays = {name: getattr(self, name) for name in (*_NEEDED, *_OPTIONAL)}
        arrays = {name: array for name, array in arrays.items() if array is not None}
        arrays |= {MASK_PREFIX + selector: mask for selector, mask in self.masks.items()}
        arrays |= {ATTRIBUTION_PREFIX + name: np.float32(scores) for name, scores in self.attributions.items()}
        scalars = {"extent": np.float64(self.extent), "mask_fraction": np.float64(self.mask_fraction)}
        with replacing(path) as temporary:
            np.savez_compressed(temporary, **arrays, **scalars)
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Gallery":
        """Read a gallery back. Raises ``UserError`` if the file is missing, isn't one, or lacks a field."""
        try:
            with np.load(path, allow_pickle=False) as archive:
                missing = [name for name in _NEEDED if name not in archive]
                if missing:
                    raise UserError(f"gallery: '{path}' lacks {', '.join(missing)}.")
                arrays = {name: archive[name] for name in archive.files}
        except FileNotFoundError as error:
            raise UserError(f"gallery: there is no file '{path}'.") from error
        except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(f"gallery: '{path}' is not a gallery (.npz) ({error}).") from error
        masks = {
            name.removeprefix(MASK_PREFIX): array for name, array in arrays.items() if name.startswith(MASK_PREFIX)
        }
        attributions = {
            name.removeprefix(ATTRIBUTION_PREFIX): array
            for name, array in arrays.items()
            if name.startswith(ATTRIBUTION_PREFIX)
        }
        scalars = {name: float(arrays[name]) for name in ("extent", "mask_fraction") if name in arrays}
        rest = {name: arrays[name] for name in (*_NEEDED, *_OPTIONAL) if name in arrays}
        # "mask_fraction" doesn't begin with MASK_PREFIX, so no selector can take its place.
        return cls(**rest, **scalars, masks=masks, attributions=attributions)
