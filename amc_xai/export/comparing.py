"""Whether an ONNX file says what torch says, and how long both take."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

BATCH = 256
REPEATS = {1: 30, BATCH: 3}


def open_session(path: Path):
    """The file in onnxruntime, on one thread of the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@torch.inference_mode()
def compared(answers: torch.nn.Module, session, iq: torch.Tensor) -> dict[str, float]:
    """Torch and onnxruntime on frames (N, 2, L): shares of frames, and the largest difference of a probability."""
    rows = [(*answers(part), *session.run(None, {"iq": part.numpy()})) for part in iq.split(BATCH)]
    torch_modulation, torch_snr, modulation, snr = (np.concatenate(column) for column in zip(*rows, strict=True))
    difference = np.maximum(np.abs(torch_modulation - modulation).max(1), np.abs(torch_snr - snr).max(1))
    return {
        "frames": len(iq),
        "same_modulation": float((torch_modulation.argmax(1) == modulation.argmax(1)).mean()),
        "same_snr": float((torch_snr.argmax(1) == snr.argmax(1)).mean()),
        "within_1e-3": float((difference <= 1e-3).mean()),
        "largest_difference": float(difference.max()),
    }


@torch.inference_mode()
def latencies(answers: torch.nn.Module, session, iq: torch.Tensor) -> dict[str, float]:
    """Milliseconds, the median of some, for one frame and for a batch: on one thread each."""
    threads, found = torch.get_num_threads(), {}
    torch.set_num_threads(1)
    try:
        for count, repeats in REPEATS.items():
            part = iq[torch.arange(count) % len(iq)].contiguous()
            given = {"iq": part.numpy()}
            found[f"onnxruntime_{count}_ms"] = timed(lambda given=given: session.run(None, given), repeats)
            found[f"torch_{count}_ms"] = timed(lambda part=part: answers(part), repeats)
    finally:
        torch.set_num_threads(threads)
    return found


def timed(call: Callable[[], object], repeats: int) -> float:
    """Milliseconds of a call, after one that doesn't count."""
    call()
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return 1e3 * median(taken)
