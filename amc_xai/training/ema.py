"""An exponential moving average of the weights, kept beside the trained ones."""

import copy

import torch
from torch import nn


class MovingAverage:
    """a <- d a + (1 - d) w after every step, with d = min(``decay``, (1 + t) / (10 + t)) at step t = 1, 2, ...

    The growing decay lets the average leave the random start behind in a short training (Tan and Le, ICML 2019,
    after the moving averages of TensorFlow). Floating-point buffers (batch-norm statistics) are averaged like
    weights; counters are copied. ``network`` is the averaged twin, in evaluation mode; it draws no random number
    and leaves the trained network alone.
    """

    def __init__(self, network: nn.Module, decay: float):
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the weights of ``network`` as they are now."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        averaged, current = self.network.state_dict(), network.state_dict()
        floating = [name for name, tensor in averaged.items() if tensor.is_floating_point()]
        torch._foreach_lerp_(
            [averaged[name] for name in floating], [current[name] for name in floating], 1 - decay
        )
        for name in averaged.keys() - set(floating):
            averaged[name].copy_(current[name])

    def state_dict(self) -> dict:
        return {"steps": self.steps, "network": self.network.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.steps = state["steps"]
        self.network.load_state_dict(state["network"])
