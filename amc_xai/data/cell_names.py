"""Names of files for classes and SNRs: whatever a label says, it stays in its folder and is told from others."""

from collections.abc import Sequence
from urllib.parse import unquote

import numpy as np

from amc_xai.errors import UserError

# Beside letters and digits, what stands for itself in the name of a file.
KEPT = " !#$&'()+,-=@[]^_{}~."
# Of 255 bytes that file systems allow, what is left beside endings and the mark of an unfinished file.
LONGEST = 180


def class_name(modulation: str, reserved: str = "") -> str:
    """The label as the name of a folder or file, its strange characters as ``%2F``; ``reserved`` ones too.

    Raises:
        UserError: for a label that is empty or too long.
    """
    strange = {c for c in modulation if not (c.isalnum() or c in KEPT) or c in reserved}
    ends = 0, len(modulation) - 1
    name = "".join(
        escaped(c) if c in strange or (c in ". " and k in ends) else c for k, c in enumerate(modulation)
    )
    if not name or len(name.encode()) > LONGEST:
        raise UserError(
            f"dataset.modulations: the label {modulation[:40]!r} can't be a file's name, which has 1 to {LONGEST} "
            "bytes; leave it out (dataset.modulations=[...]), or change it where it is written"
        )
    return name


def escaped(character: str) -> str:
    """One character as its bytes in UTF-8, ``%2F``; lone surrogates too, which a JSON file can hold."""
    return "".join(f"%{byte:02X}" for byte in character.encode(errors="surrogatepass"))


def class_of(name: str) -> str:
    """The label that :func:`class_name` made the name of."""
    try:
        return unquote(name, errors="surrogatepass") if "%" in name else name
    except UnicodeDecodeError:
        return name  # a folder of somebody else's


def snr_name(snr: float) -> str:
    """An SNR in dB in digits, as many as tell it from every other number: ``-4``, ``2.5``, ``10.000001``.

    Raises:
        UserError: for an SNR that is no number, or has too many digits.
    """
    name = np.format_float_positional(snr + 0.0, trim="-") if np.isfinite(snr) else ""
    if not name or len(name) > LONGEST // 4:
        raise UserError(f"dataset.snrs: an SNR of {snr:g} dB can't be part of a file's name; leave it out")
    return name


def check_apart(modulations: Sequence[str]) -> None:
    """Raise UserError where two labels are one name on a file system that doesn't tell case."""
    seen: dict[str, str] = {}
    for modulation in modulations:
        other = seen.setdefault(class_name(modulation).casefold(), modulation)
        if other != modulation:
            raise UserError(
                f"dataset.modulations: {other!r} and {modulation!r} differ in case alone and would share their "
                f"files on many systems; write one of them (dataset.modulations=[{other}])"
            )
