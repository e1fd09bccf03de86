"""SigMF recordings as they lie on disk: metadata beside samples, archives, collections."""

import json
import logging
import tarfile
from pathlib import Path

from amc_xai.data.packed import TAR, packed_as
from amc_xai.data.recordings.reading import Reading
from amc_xai.data.recordings.recording import Recording
from amc_xai.data.recordings.sigmf import Held, plain_name, recordings_of
from amc_xai.errors import UserError, one_line

log = logging.getLogger(__name__)
META, DATA, COLLECTION = ".sigmf-meta", ".sigmf-data", ".sigmf-collection"
MOST_METADATA = 100_000_000  # bytes
MOST_MEMBERS = 10_000


def open_metadata(path: Path, reading: Reading, clock: str | None = None) -> list[Recording]:
    """The recordings that a ``.sigmf-meta`` file describes.

    Raises:
        UserError: if they can't be read.
    """

    def beside(name: str | None) -> Held:
        file = path.with_suffix(DATA) if name is None else path.parent / name
        if not file.is_file():
            raise UserError(f"dataset.path: {path} has no samples beside it, in a file named {file.name}")
        return Held(file, 0, file.stat().st_size)

    if path.stat().st_size > MOST_METADATA:
        raise UserError(f"dataset.path: {path} is no readable SigMF recording (metadata of over 100 MB)")
    return recordings_of(path.read_bytes(), path, beside, reading, clock)


def open_archive(path: Path, reading: Reading) -> list[Recording]:
    """The recordings in a ``.sigmf`` archive, read where they lie: nothing is unpacked.

    Raises:
        UserError: if it is no plain tar archive of metadata and samples.
    """
    members = members_of(path)
    metas = sorted(name for name in members if name.endswith(META))
    if not metas:
        raise UserError(f"dataset.path: {path} holds no recording: there is no file {META} in it")
    clock = str(path) if any(name.endswith(COLLECTION) for name in members) else None
    found = []
    for meta in metas:
        known_by = path if len(metas) == 1 else path / one_line(meta.lstrip("/"))

        def within(name: str | None, meta: str = meta, known_by: Path = known_by) -> Held:
            data = (
                meta.removesuffix(META) + DATA if name is None else f"{meta.rpartition('/')[0]}/{name}".lstrip("/")
            )
            if data not in members:
                raise UserError(
                    f"dataset.path: {known_by} has no samples beside it, in a file named {one_line(data)}"
                )
            return members[data]

        held = members[meta]
        if held.size > MOST_METADATA:
            raise UserError(f"dataset.path: {known_by} is no readable SigMF recording (metadata of over 100 MB)")
        with path.open("rb") as file:
            file.seek(held.offset)
            text = file.read(held.size)
        found += recordings_of(text, known_by, within, reading, clock)
    return found


def streams_of(path: Path) -> list[Path]:
    """The metadata files of a ``.sigmf-collection``, all in its own folder.

    Raises:
        UserError: if it names none, or one elsewhere.
    """
    try:
        streams = json.loads(path.read_text(encoding="utf-8-sig"))["collection"]["core:streams"]
        names = [stream["name"] if isinstance(stream, dict) else stream for stream in streams]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"dataset.path: {path} is no readable SigMF collection ({one_line(error)})") from error
    if not names:
        raise UserError(f"dataset.path: {path} names no recordings (core:streams is empty)")
    return [path.parent / (plain_name(name, "core:streams", path).removesuffix(META) + META) for name in names]


def members_of(path: Path) -> dict[str, Held]:
    """The files in a tar archive by their names; of one that is cut short, what is there.

    Raises:
        UserError: if it is none.
    """
    members: dict[str, Held] = {}
    size = path.stat().st_size
    try:
        with tarfile.open(path, "r:") as tar:
            for _ in range(MOST_MEMBERS):
                member = tar.next()
                if member is None:
                    break
                if not member.isreg() or member.issparse() or not 0 <= member.offset_data <= size:
                    continue
                there = max(0, min(member.size, size - member.offset_data))
                if there < member.size:
                    log.warning(
                        "%s is cut short: %d of the %d bytes of %s are missing; what is there is read",
                        path, member.size - there, member.size, member.name,
                    )  # fmt: skip
                members[member.name.removeprefix("./")] = Held(path, member.offset_data, there)
    except Exception as error:  # of an archive that anybody may have made, tarfile says many things
        packed = packed_as(path)
        other = packed is not None and packed[0] != TAR
        what = f"is {packed[0]}: unpack it" if other else f"is no readable archive ({one_line(error)})"
        if not members:
            raise UserError(f"dataset.path: {path} {what}") from error
        log.warning("%s is broken behind its first %d files; these are read", path, len(members))
    return members
