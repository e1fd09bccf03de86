"""What files are by their first bytes: arrays, and downloads that are still packed."""

from pathlib import Path

from amc_xai.errors import UserError

HDF5, NPY, ZIP = b"\x89HDF\r\n\x1a\n", b"\x93NUMPY", b"PK\x03\x04"
TAR = "a tar archive"
# Where the mark stands, the mark, what it is, and how people unpack it.
MARKS = (
    (0, ZIP, "a zip archive", "unzip"),
    (0, b"PK\x05\x06", "an empty zip archive", "unzip"),
    (0, b"BZh", "packed by bzip2", "tar xjf"),
    (0, b"\x1f\x8b", "packed by gzip", "tar xzf"),
    (0, b"\xfd7zXZ\x00", "packed by xz", "tar xJf"),
    (0, b"\x28\xb5\x2f\xfd", "packed by zstd", "tar --zstd -xf"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x"),
    (0, b"Rar!\x1a\x07", "a rar archive", "unrar x"),
    (257, b"ustar", TAR, "tar xf"),
)


def packed_as(path: Path) -> tuple[str, str] | None:
    """What a file is packed as and the command that unpacks it; None if it isn't.

    Raises:
        UserError: if it can't be opened.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise UserError(f"dataset.path: {path} can't be read ({error.strerror or error})") from error
    for place, mark, what, command in MARKS:
        if head[place : place + len(mark)] == mark:
            # A single file that was packed by gzip or bzip2 is no tar archive; the endings tell.
            single = command.startswith("tar x") and ".t" not in path.name.lower() and place == 0
            programs = {"tar xjf": "bunzip2", "tar xzf": "gunzip", "tar xJf": "unxz"}
            return what, programs.get(command, command) if single else command
    return None


def refuse_packed(path: Path) -> None:
    """Raise UserError if the file is an archive: it says what it is and how to unpack it."""
    found = packed_as(path)
    if found is not None:
        what, command = found
        raise UserError(
            f"dataset.path: {path} is {what}, not the file itself; unpack it ({command} {path.name}) and name "
            "what comes out"
        )
