"""What becomes of files as people have them: each is opened and read whole, or refused. Prints a table.

    python tests/benchmarks/odd_files.py FOLDER [FRAME_LENGTH]

FOLDER is looked through for recordings, RML2016 pickles and split HDF5 stores; nothing of it belongs to this
repository. A traceback in the table is a fault of ours.
"""

import logging
import pickletools
import sys
import time
from pathlib import Path

import numpy as np

from amc_xai.data import RadioML2016, Recordings, SplitHdf5
from amc_xai.errors import UserError

AT_ONCE = 1024


class Said(logging.Handler):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def sources(folder: Path, length: int):
    """Each file or store below a folder, and how it is opened."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix in (".sigmf-data", ".md", ".txt"):
            continue
        if path.suffix in (".h5", ".hdf5"):
            if path == min(path.parents[2].rglob(f"*{path.suffix}")):
                yield path.parents[2], lambda path=path: SplitHdf5(str(path.parents[2]))
        elif is_pickle(path):
            variant = "b" if "10b" in path.name else "a"
            yield path, lambda path=path, variant=variant: RadioML2016(str(path), variant=variant)
        else:
            yield path, lambda path=path: Recordings(str(path), length)


def is_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            return next(pickletools.genops(file))[0].name == "PROTO"
        except ValueError:
            return False


def read(open_source) -> tuple[str, str, str]:
    """What happened, how many samples in frames, at which rate."""
    try:
        source = open_source()
        frames = len(source.modulation_index)
        for begin in range(0, frames, AT_ONCE):
            source.read(np.arange(begin, min(begin + AT_ONCE, frames)))
    except UserError as error:
        return f"refused: {error}", "-", "-"
    except Exception as error:
        return f"TRACEBACK {type(error).__name__}: {error}", "-", "-"
    rate = "not known" if source.sample_rate is None else f"{source.sample_rate:.12g}"
    labels = f", {len(source.modulations)} classes" if source.modulations else ""
    parts = len(getattr(source, "recordings", [0]))
    cut = f" in {parts} recordings" if parts > 1 else ""
    return f"read: {frames} frames{labels}{cut}", str(frames * source.frame_length), rate


def main(folder: Path, length: int = 1024) -> None:
    said = Said()
    logging.getLogger("amc_xai").addHandler(said)
    logging.getLogger("amc_xai").propagate = False
    print(f"| {'file':38} | {'samples':>8} | {'rate Hz':>9} | {'s':>5} | what happened")
    print(f"|{'-' * 40}|{'-' * 10}|{'-' * 11}|{'-' * 7}|{'-' * 40}")
    for path, open_source in sources(folder, length):
        said.lines.clear()
        begin = time.perf_counter()
        happened, samples, rate = read(open_source)
        seconds = time.perf_counter() - begin
        name = str(path.relative_to(folder))
        print(
            f"| {name:38} | {samples:>8} | {rate:>9} | {seconds:5.2f} | {happened.replace(str(path), path.name)}"
        )
        for line in said.lines:
            print(f"| {'':38} | {'':8} | {'':9} | {'':5} | said: {line.replace(str(path), path.name)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(length) for length in sys.argv[2:3]))
