"""From a path to the recordings at it: which files are read, and how."""

import logging
from collections.abc import Iterator
from pathlib import Path

from amc_xai.data.recordings.datatypes import ENDINGS, OPEN_ENDINGS, datatype_of, refusal
from amc_xai.data.recordings.raw import open_npy, open_raw
from amc_xai.data.recordings.reading import Reading
from amc_xai.data.recordings.recording import Recording
from amc_xai.data.recordings.sigmf_files import COLLECTION, DATA, META, open_archive, open_metadata, streams_of
from amc_xai.data.recordings.wav import open_wav
from amc_xai.errors import UserError

log = logging.getLogger(__name__)
ARCHIVE = ".sigmf"
VERDICTS = f".verdicts{META}"
WITH_HEADER = (META, COLLECTION, ARCHIVE, ".npy", ".wav")
KINDS = f"{', '.join(WITH_HEADER)}, {', '.join(ENDINGS)}; others with dataset.datatype=ci16_le or the like"
ELSEWHERE = {
    ".mat": "dataset=arrays reads such", ".npz": "dataset=arrays reads such", ".h5": "dataset=arrays reads such",
    ".hdf5": "dataset=arrays or radioml2018 reads such", ".pkl": "dataset=radioml2016a or radioml2016b reads such",
    ".zip": "unpack it", ".gz": "unpack it", ".xz": "unpack it", ".bz2": "unpack it", ".7z": "unpack it",
    ".flac": "convert it to .wav", ".mp3": "its compression destroys I and Q", ".w64": "convert it to .wav (RF64)",
}  # fmt: skip


def open_all(path: Path, reading: Reading) -> list[Recording]:
    """Every recording at a file, or below a folder, in the order of their paths.

    Raises:
        UserError: if there is none, or one can't be read.
    """
    if reading.datatype is not None:
        datatype_of(reading.datatype, "dataset.datatype")
    files = find(path, reading.datatype)
    found: list[Recording] = []
    # What metadata describe needs no ending of its own.
    for described in (True, False):
        taken = {recording.numbers.file for recording in found}
        for file, clock in with_clocks([f for f in files if is_a(f, META, COLLECTION, ARCHIVE) == described]):
            if file not in taken:
                found += opened(file, reading, clock, one=len(files) == 1)
    if not found:
        raise UserError(f"dataset.path: {files[0]} {refusal(files[0])}")
    return sorted(found, key=lambda recording: (recording.path, recording.first))


def opened(file: Path, reading: Reading, clock: str | None, one: bool) -> list[Recording]:
    """The recordings in a file; of a folder's, one whose type nobody tells is left out, and the log says so."""
    try:
        if not one and reading.datatype is None and is_a(file, *OPEN_ENDINGS):
            log.warning("%s is left out: it %s", file, refusal(file))
            return []
        return open_one(file, reading, clock)
    except OSError as error:
        raise UserError(f"dataset.path: {file} can't be read ({error.strerror or error})") from error


def with_clocks(files: list[Path]) -> Iterator[tuple[Path, str | None]]:
    """The files to open, those of collections in their place, and each one's clock."""
    collections = [file for file in files if is_a(file, COLLECTION)]
    clocks = {file: collection for collection in collections for file in streams_of(collection)}
    yield from ((file, str(clocks[file])) for file in clocks if file not in files)
    for file in files:
        if not is_a(file, COLLECTION):
            yield file, str(clocks[file]) if file in clocks else None


def open_one(path: Path, reading: Reading, clock: str | None = None) -> list[Recording]:
    """The recordings in one file, by its ending.

    Raises:
        UserError: if it can't be read as what its ending says.
    """
    suffix = path.suffix.lower()
    if suffix == META:
        return open_metadata(path, reading, clock)
    if suffix == ARCHIVE:
        return open_archive(path, reading)
    if suffix in (".npy", ".wav"):
        if reading.datatype is not None:
            log.warning("dataset.datatype=%s: %s tells its own type, which stays", reading.datatype, path)
        return [open_npy(path, reading.antenna) if suffix == ".npy" else open_wav(path, reading.antenna)]
    if reading.datatype is None and suffix not in ENDINGS:
        raise UserError(f"dataset.path: {path} {refusal(path)}")
    told = reading.datatype or ENDINGS[suffix]
    if reading.datatype and suffix in ENDINGS and datatype_of(told, "") != datatype_of(ENDINGS[suffix], ""):
        log.warning("%s: its ending says %s; dataset.datatype=%s wins", path, ENDINGS[suffix], told)
    return [open_raw(path, datatype_of(told, "dataset.datatype"))]


def find(path: Path, datatype: str | None) -> list[Path]:
    """The file itself, or all recordings below a folder, sorted.

    Raises:
        UserError: if there is none.
    """
    if path.is_dir():
        return find_below(path)
    if is_a(path, DATA) and path.with_suffix(META).is_file():
        path = path.with_suffix(META)
    if not path.is_file():
        raise UserError(f"dataset.path: there is no file or folder {path}")
    suffix = path.suffix.lower()
    if datatype is None and suffix not in (*WITH_HEADER, *ENDINGS, *OPEN_ENDINGS):
        if suffix == DATA:
            raise UserError(
                f"dataset.path: {path} has no {META} beside it, which says how it is read; or say dataset.datatype"
            )
        hint = f" ({ELSEWHERE[suffix]})" if suffix in ELSEWHERE else ""
        raise UserError(f"dataset.path: {path} has no ending of a recording{hint}; these are read: {KINDS}")
    return [path]


def find_below(folder: Path) -> list[Path]:
    """All files below a folder that may be recordings, sorted.

    Raises:
        UserError: if there is none.
    """
    wanted = (*WITH_HEADER, *ENDINGS, *OPEN_ENDINGS)
    # Names that begin with a dot are a system's own, or half written; what task=predict found is no recording.
    there = (p for p in folder.rglob("*") if not p.name.startswith(".") and not p.name.endswith(VERDICTS))
    found = sorted(p for p in there if is_a(p, *wanted) and p.is_file())
    if not found:
        raise UserError(f"dataset.path: {folder} holds no recording; these are read: {KINDS}")
    return found


def is_a(path: Path, *suffixes: str) -> bool:
    """Whether a file has one of these endings."""
    return path.suffix.lower() in suffixes
