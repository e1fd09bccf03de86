"""One generated data set, opened and read as a job would: frames or one sentence, and nothing else happens."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import get_object
from omegaconf import OmegaConf

from amc_xai.errors import UserError
from tests.conftest import CONF

MOST_SECONDS = 10
# What programs in files try to leave, and names in them lead to.
MARK = "amc_xai_was_here"
FRAMES = 32
# What no reader does, by the names of Python's audit events; files of its own folder it may write.
NEVER = (
    "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "os.startfile", "subprocess.Popen",
    "pty.spawn", "socket.connect", "socket.bind", "pickle.find_class", "ctypes.dlopen", "webbrowser.open",
)  # fmt: skip
WRITES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")


@dataclass
class Case:
    """Files by their path below a folder, and how a job names them: ``dataset=...`` and its keys.

    ``path`` among the overrides is below that folder too; "" is the folder itself.
    """

    files: dict[str, bytes]
    dataset: str
    overrides: dict[str, Any] = field(default_factory=dict)


class Watch:
    """Python's audit hook, which can't be taken out again: it is put in once, and listens within ``over``."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    @contextmanager
    def over(self, folder: Path) -> Iterator[list[str]]:
        self.folder, self.seen = str(folder), []
        try:
            yield self.seen
        finally:
            self.folder = None

    def _hear(self, event: str, arguments: tuple) -> None:
        if self.folder is None:
            return
        if event.startswith(NEVER) or (event.startswith(WRITES) and not self._own(arguments[0])):
            self.seen.append(f"{event} {arguments!r}"[:200])
        elif event == "open":
            path, mode, flags = arguments
            writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (flags or 0) & (
                os.O_WRONLY | os.O_RDWR
            )
            if writes and not self._own(path) and "__pycache__" not in str(path):
                self.seen.append(f"open {path} to write")

    def _own(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and os.path.realpath(path).startswith(self.folder)


_watch: Watch | None = None


def outcome(case: Case) -> tuple[str, float]:
    """``"frames"`` or the sentence that refuses them, and the seconds it took.

    Raises:
        AssertionError: if anything else came out, or anything else happened.
    """
    global _watch
    _watch = _watch or Watch()
    with tempfile.TemporaryDirectory(prefix="amc_xai_fuzz_") as name:
        around = Path(name).resolve()
        folder = around / "data"
        folder.mkdir()
        for path, content in case.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        make, keys = factory(case, folder)
        begin = time.perf_counter()
        with _watch.over(folder) as seen:
            try:
                read(make(**keys))
                said = "frames"
            except UserError as error:
                said = str(error)
                assert said.startswith("dataset.") and said.isprintable() and len(said) < 1500, said
        seconds = time.perf_counter() - begin
        assert not seen, seen
        assert seconds < MOST_SECONDS, f"{seconds:.1f} s: {said}"
        left = {str(path.relative_to(around)) for path in around.rglob("*") if not path.is_dir()}
        assert left == {os.path.normpath(f"data/{path}") for path in case.files}, left
        assert all((folder / path).read_bytes() == content for path, content in case.files.items())
        assert not any((place / MARK).exists() for place in (around, Path.cwd(), Path("/tmp"))), MARK
        return said, seconds


def factory(case: Case, folder: Path) -> tuple[Any, dict[str, Any]]:
    """The source's class, and all that its file in ``conf/dataset`` and the case give it."""
    keys = OmegaConf.to_container(OmegaConf.load(CONF / "dataset" / f"{case.dataset}.yaml"))
    make = get_object(keys.pop("_target_"))
    for key in ("_partial_", "defaults", "residency", "half_precision"):
        keys.pop(key, None)
    keys |= {"path": ""} | case.overrides
    for key in ("path", "labels"):  # these name files, all other words are names
        if key == "path" or (key in keys and case.overrides.get(key)):
            keys[key] = str(folder / keys[key]) if keys[key] else str(folder)
    return make, keys


def read(source: Any) -> None:
    """Read some frames, and hold them and the labels against what a source promises."""
    frames = len(source.modulation_index)
    assert frames > 0 and len(source.snr_index) == frames
    for index, names in ((source.modulation_index, source.modulations), (source.snr_index, source.snrs)):
        assert index.min() >= -1 and index.max() < max(len(names), 0 if index.max() < 0 else 1)
    assert len(set(source.modulations)) == len(source.modulations) and len(set(source.snrs)) == len(source.snrs)
    chosen = np.unique(np.linspace(0, frames - 1, FRAMES).astype(int))
    iq = source.read(chosen)
    shape = getattr(source, "image_shape", (2, source.frame_length))
    assert tuple(iq.shape) == (len(chosen), *shape) and str(iq.dtype) == "torch.float32"
    assert bool(iq.isfinite().all()) and source.frame_length >= 1
    if source.origin is not None:
        assert len(source.origin.recording) == frames == len(source.origin.start)
