"""What a device does a second, as a table with its name, ready for the docs.

    python tests/benchmarks/bench_device.py [cuda|cuda:1|mps|cpu] [QUICK]

Frames synthesised, drawn as pictures of 64 and 224 pixels and turned into ``points``; a training step (resnet18,
one channel of 224 pixels, bfloat16, batch 256) in turns with one of the bare timm model on the same pictures; a
run of the Perturbation Impact Score beside its forward passes. With a second argument everything is small, to try
the script itself.
"""

import statistics
import sys
import time
from collections.abc import Callable

import timm
import torch
from torch import nn

from amc_xai.data import Facts, Synthetic
from amc_xai.explain import perturbation_scores
from amc_xai.loss import Target, UncertaintyWeights
from amc_xai.model import MultiTaskNetwork, TaskSpecificExtractor, TimmBackbone, linear
from amc_xai.perturbation import Annulus, Bottom, Random, Sector, Top, View, Zero
from amc_xai.representation import Constellation, Points
from amc_xai.signal import DIGITAL_17
from amc_xai.training import make_accelerator, parameter_groups
from amc_xai.training.step import Answer, descend

FACTS = Facts(1024, 8.0)
SNRS = [2.0 * k for k in range(16)]
FRACTIONS = [0.01, 0.02, 0.05, 0.1, 0.2]


def waiting_for(device: torch.device) -> Callable[[], None]:
    """What waits until the device has done all that it was told."""
    return {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}.get(device.type, lambda: None)


def seconds(
    works: list[Callable[[], object]], wait: Callable[[], None], rounds: int, warm: int = 2
) -> list[float]:
    """The median time of each piece of work, taken in turns after ``warm`` rounds that don't count."""
    taken: list[list[float]] = [[] for _ in works]
    for number in range(rounds + warm):
        for work, times in zip(works, taken, strict=True):
            wait()
            start = time.perf_counter()
            work()
            wait()
            if number >= warm:
                times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken]


def frames_a_second(device: torch.device, wait: Callable[[], None], batch: int, rounds: int) -> dict[str, float]:
    """Synthesis and three representations, on ``batch`` frames of the 17 classes at a time."""
    source = Synthetic(list(DIGITAL_17), SNRS, frames_per_cell=1, endless=True)
    generator = torch.Generator(device).manual_seed(0)
    modulation = torch.randint(17, (batch,), generator=generator, device=device)
    snr = torch.randint(16, (batch,), generator=generator, device=device)
    iq = source.fresh(modulation, snr, generator).iq
    works = {"synthesised": lambda: source.fresh(modulation, snr, generator)}
    for name, part in {
        "drawn at 64 px": Constellation(FACTS, 64).to(device),
        "drawn at 224 px": Constellation(FACTS, 224).to(device),
        "turned into points": Points(FACTS).to(device),
    }.items():
        works[name] = lambda part=part: part(iq)
    with torch.no_grad():
        return {name: batch / seconds([work], wait, rounds)[0] for name, work in works.items()}


def training_step(device: str, wait: Callable[[], None], batch: int, rounds: int) -> tuple[float, float]:
    """Seconds of a whole step (pictures drawn, both tasks, clipping) and of the bare model's on such pictures."""
    accelerator = make_accelerator(device, "bf16")
    place = accelerator.device
    representation = Constellation(FACTS, 224).to(place)
    iq = torch.randn(batch, 2, 1024, device=place)
    modulation = torch.randint(17, (batch,), device=place)
    snr = torch.randint(16, (batch,), device=place)
    network = MultiTaskNetwork(
        TimmBackbone((1, 224, 224), "resnet18"), TaskSpecificExtractor, linear, linear, 17, 16
    ).to(place)
    loss = UncertaintyWeights(SNRS).to(place)
    optimizer = torch.optim.AdamW(parameter_groups(network, loss), 1e-4)
    answer = Answer(network, loss, accelerator).train()
    bare = timm.create_model("resnet18", in_chans=1, num_classes=17).to(place).train()
    plain = torch.optim.AdamW(bare.parameters(), 1e-4)
    with torch.no_grad():
        pictures = representation(iq)

    def ours() -> None:
        with torch.no_grad():
            x = representation(iq)
        _, terms = answer(x, Target(modulation, snr))
        descend(terms.total, optimizer, 1.0, None)

    def theirs() -> None:
        with torch.autocast(place.type, torch.bfloat16):
            logits = bare(pictures)
        nn.functional.cross_entropy(logits.float(), modulation).backward()
        plain.step()
        plain.zero_grad(set_to_none=True)

    mine, other = seconds([ours, theirs], wait, rounds)
    return mine, other


def pis_beside_its_passes(
    device: torch.device, wait: Callable[[], None], frames: int, batch: int
) -> tuple[float, float, int]:
    """Seconds of a run over 5 selectors and 5 fractions, of its forward passes alone, and their number a frame."""
    representation = Constellation(FACTS, 224).to(device)
    backbone = TimmBackbone((1, 224, 224), "resnet18")
    network = MultiTaskNetwork(backbone, TaskSpecificExtractor, linear, linear, 17, 16).to(device).eval()
    views = []
    with torch.no_grad():
        for _ in range(frames // batch):
            iq = torch.randn(batch, 2, 1024, device=device)
            cells = representation.cells(iq)
            labels = torch.randint(0, 16, (2, batch))
            views.append((View(iq, representation.draw(cells), ["trajectory"], cells), *labels))
    selectors = {
        "top": Top(),
        "bottom": Bottom(),
        "random": Random(),
        "annulus": Annulus(0.3),
        "sector": Sector(0),
    }
    passes = 0

    def count(*_) -> None:
        nonlocal passes
        passes += 1

    def run() -> None:
        # Anew each time: a view keeps the lists of its lit pixels.
        fresh = ((View(v.iq, v.image, v.channels, v.cells), *labels) for v, *labels in views)
        perturbation_scores(
            network, fresh, selectors, ("zero", Zero()), FRACTIONS, control="random", representation=representation
        )

    handle = network.register_forward_hook(count)
    run()
    handle.remove()
    each = passes // len(views)

    def forwards() -> None:
        with torch.inference_mode():
            for view, _, _ in views:
                for _ in range(each):
                    network(view.image)

    whole, alone = seconds([run, forwards], wait, 1, warm=0)
    return whole, alone, each


def name_of(device: torch.device) -> str:
    """The card's name, or what else computes."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "Apple GPU (MPS)" if device.type == "mps" else f"CPU, {torch.get_num_threads()} threads"


def main() -> None:
    asked, quick = (sys.argv[1] if len(sys.argv) > 1 else "auto"), len(sys.argv) > 2
    device = make_accelerator(asked, "fp32").device
    wait = waiting_for(device)
    batch, rounds, frames, step = (32, 2, 4, 8) if quick else (4096, 10, 2048, 256)
    print(f"{name_of(device)}, torch {torch.__version__}{' (small: no figures to quote)' if quick else ''}\n")
    print("| what | a second |\n|---|---|")
    for name, rate in frames_a_second(device, wait, batch, rounds).items():
        print(f"| frames of 1,024 samples {name} | {rate:,.0f} |", flush=True)
    mine, bare = training_step(asked, wait, step, rounds)
    print(f"| frames trained on (resnet18, 224 px, bf16) | {step / mine:,.0f} |")
    print(f"| the same by the bare timm model | {step / bare:,.0f} ({mine / bare:.2f} of its time) |", flush=True)
    whole, alone, passes = pis_beside_its_passes(device, wait, frames, min(frames, 128))
    print(f"| frames scored by PIS, {passes} passes each (resnet18, 224 px) | {frames / whole:,.1f} |")
    print(f"| its forward passes alone | {frames / alone:,.1f} ({whole / alone:.2f} times as long) |")


if __name__ == "__main__":
    main()
