"""The groups of channels that `Points` gives, and what their channels are called."""

from collections.abc import Sequence

# Order and weight of the power that each of these takes the carrier out by.
RECOVERY = {
    "recovered_2": (2, 2),
    "recovered": (4, 4),
    "recovered_outer": (4, 12),
    "recovered_8": (8, 4),
    "recovered_16": (16, 4),
    "recovered_12": (12, 2),
    "recovered_cross": (12, 8),
    "recovered_20": (20, 2),
    "recovered_32": (32, 4),
    "recovered_48": (48, 8),
}
NOISE = ("noise", "noise_inside", "noise_difference")
GROUPS = (*RECOVERY, "staggered", "differential", "amplitude", *NOISE, "dc", "receiver", "likelihood", "valid")
DEFAULT_GROUPS = (
    *("recovered_2", "recovered", "recovered_outer", "recovered_8", "recovered_16"),
    *("staggered", "differential", "amplitude", *NOISE, "dc"),
)


def names(group: str, classes: Sequence[str]) -> tuple[str, ...]:
    """The channels of a group; ``classes``: those of ``likelihood``."""
    if group in RECOVERY:
        return f"{group} I", f"{group} Q", f"{group} line"
    return {
        "staggered": ("staggered I", "staggered Q", "staggered late I", "staggered late Q", "staggered line"),
        "differential": ("differential I", "differential Q"),
        "noise": ("noise", "noise told", "noise unevenness"),
        "noise_inside": ("noise_inside", "noise_inside told"),
        "receiver": ("receiver line", "receiver other pulse", "receiver sure"),
        "likelihood": tuple(f"likelihood {name}" for name in classes),
    }.get(group, (group,))
