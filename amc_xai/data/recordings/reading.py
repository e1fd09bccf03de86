"""How recordings are to be read, where the user says so."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """``dataset``'s keys of these names; ``annotations`` are read unless a file of labels takes their place."""

    datatype: str | None = None
    antenna: int | None = None
    bands: bool = True
    sample_rate: float | None = None
    annotations: bool = True
