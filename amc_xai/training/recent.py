"""Batch norm's running averages as an epoch leaves them: over its last batches, in equal parts."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

MOST = 16  # batches; torch's own average, of momentum 0.1, is worth 19
STEPS_A_BATCH = 32  # of the training so far


class RecentAverages:
    """Lets the batch norms of ``network`` average over the last batches of each epoch alone.

    A moving average of momentum 0.1 lags ten steps behind. Where weights change fast, in the first epochs or in a
    short training, it belongs to another network by then: validation is at chance while the training loss falls.
    So at the end of an epoch the average begins anew. It takes in the last two batches, and more as the weights
    settle: one for each ``STEPS_A_BATCH`` steps made, ``MOST`` at most. Trained weights don't depend on it. What
    becomes of a step follows from its number, so that a resumed training does the same.

    A batch norm without running averages, or with a cumulative one (momentum None), is left as it is.
    """

    def __init__(self, network: nn.Module, batch_size: int):
        """``batch_size`` is that of a full batch in this process."""
        self.batch_size = batch_size
        self.layers: dict[float, list[_BatchNorm]] = {}
        for layer in network.modules():
            if isinstance(layer, _BatchNorm) and layer.track_running_stats and layer.momentum:
                self.layers.setdefault(layer.momentum, []).append(layer)
        self.weight: float | None = None
        self.held: dict[float, list[torch.Tensor]] = {}

    def before_step(self, frames: int, epoch: int, step: int, steps: int) -> None:
        """Before the pass of ``step`` (from 0) of an epoch of ``steps``, whose batch has so many ``frames``."""
        last = min(steps, MOST, max(2, (epoch + 1) * steps // STEPS_A_BATCH))
        earlier = step - (steps - last)  # batches that are averaged already
        self.weight = None if earlier < 0 else frames / (frames + earlier * self.batch_size)
        if self.weight is not None:
            self.held = {m: [average.clone() for average in self._averages(m)] for m in self.layers}

    @torch.no_grad()
    def after_step(self) -> None:
        """After the backward pass, which may look at the averages."""
        if self.weight is None:
            return
        for momentum, held in self.held.items():
            averages = self._averages(momentum)
            # The pass has moved them by the share `momentum` towards the batch's own.
            torch._foreach_lerp_(held, averages, self.weight / momentum)
            torch._foreach_copy_(averages, held)
        self.held = {}

    def _averages(self, momentum: float) -> list[torch.Tensor]:
        return [average for layer in self.layers[momentum] for average in (layer.running_mean, layer.running_var)]
