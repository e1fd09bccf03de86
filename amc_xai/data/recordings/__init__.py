"""One's own recordings: SigMF, raw files, arrays and WAV, found, opened, labelled and cut into frames."""

from amc_xai.data.recordings.source import Recordings

__all__ = ["Recordings"]
