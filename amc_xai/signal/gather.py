"""Picking complex numbers along a row."""

import torch


def gather_rows(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """``values.gather(1, index)`` of complex (B, N) at int64 (B, K), which MPS lacks in torch 2.11."""
    first = values.shape[1] * torch.arange(values.shape[0], device=values.device)[:, None]
    return values.flatten().index_select(0, (index + first).flatten()).view(index.shape)
