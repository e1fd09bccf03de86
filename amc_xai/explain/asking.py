"""What a network is asked of each frame: which class it names, and how far that is ahead of its rival."""

import numpy as np
import torch
from torch import nn

TASKS = ("modulation", "snr")


@torch.inference_mode()
def named_answers(network: nn.Module, image: torch.Tensor) -> torch.Tensor:
    """Return the classes that the network names, int16 (2, B): modulation and SNR."""
    prediction = network(image)
    return torch.stack([prediction.modulation.argmax(1), prediction.snr.argmax(1)]).to(torch.int16)


def rivals_of(logits: torch.Tensor) -> torch.Tensor:
    """The class named and the runner-up, int64 (B, 2), of logits (B, classes); of one class twice the same."""
    two = logits.topk(min(2, logits.shape[1]), dim=1).indices
    return two if two.shape[1] == 2 else two.repeat(1, 2)


def margin(logits: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
    """How far the first of a pair (B, 2) of classes is ahead of the second, in nats (log-odds): float32 (B,)."""
    chosen = logits.float().gather(1, pair)
    return chosen[:, 0] - chosen[:, 1]


class Asker:
    """Asks about changed versions of a batch of frames; the pair of rivals is that of the frames as they are."""

    @torch.inference_mode()
    def __init__(self, network: nn.Module, whole: torch.Tensor | tuple[torch.Tensor, ...]):
        self._network = network
        prediction = network(whole)
        self.pairs = {task: rivals_of(getattr(prediction, task)) for task in TASKS}
        self.clean = self._read(prediction)

    @torch.inference_mode()
    def __call__(self, seen: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return float32 (4, B): the modulation and the SNR named, and the margins of both between the rivals."""
        return self._read(self._network(seen))

    def _read(self, prediction) -> torch.Tensor:
        logits = [getattr(prediction, task) for task in TASKS]
        named = [values.argmax(1).to(torch.float32) for values in logits]
        return torch.stack([*named, *(margin(v, self.pairs[t]) for v, t in zip(logits, TASKS, strict=True))])


def split_answers(answers: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What `Asker` gave, (R, 4, N): the classes named, int16 (R, N) by task, and the margins, float32 (R, N)."""
    named = {task: answers[:, k].astype(np.int16) for k, task in enumerate(TASKS)}
    return named, {task: answers[:, len(TASKS) + k] for k, task in enumerate(TASKS)}
