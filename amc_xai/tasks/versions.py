"""What a checkpoint's network was trained to see, held against what this release draws.

A part that computes what a network sees carries ``version``, a whole number that goes up whenever the same frame
comes out differently. Parts without one (one's own) are taken as they are.
"""

from typing import Any

from torch import nn

from amc_xai.errors import UserError


def versions_of(classifier: nn.Module) -> dict[str, int]:
    """The version of each part of ``classifier`` that has one, by its class name."""
    found = {type(part).__name__: getattr(part, "version", None) for part in classifier.modules()}
    return {name: version for name, version in found.items() if isinstance(version, int)}


def refuse_other_versions(classifier: nn.Module, loaded: dict[str, Any], key: str) -> None:
    """Check that the classifier sees what the network of a checkpoint was trained on.

    Raises:
        UserError: naming ``key``, if a part has another version now. A checkpoint that tells none means 1.
    """
    trained = loaded.get("versions", {})
    for name, version in versions_of(classifier).items():
        before = trained.get(name, 1)
        if before != version:
            raise UserError(
                f"{key}: its network was trained on version {before} of {name}, and this release has version "
                f"{version}, which makes something else of the same frames; train it again, or use it with "
                f"the amc_xai that wrote it ({loaded.get('version', 'older')})"
            )
