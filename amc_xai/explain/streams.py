"""Random numbers by name, so that what one part draws doesn't hang on the others."""

import hashlib

import torch


class Streams:
    """Random generators by name: each its own stream, carried on from batch to batch."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._generators: dict[tuple, torch.Generator] = {}

    def __call__(self, *name: str | float) -> torch.Generator:
        """Return the generator of this name, where its last draw left it."""
        if name not in self._generators:
            # Not hash(), which differs from process to process for text.
            digest = hashlib.blake2b(repr((self._seed, name)).encode(), digest_size=8).digest()
            self._generators[name] = torch.Generator().manual_seed(int.from_bytes(digest, "little"))
        return self._generators[name]
