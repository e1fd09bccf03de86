"""Where in a frame the evidence lies: what each symbol says for one class and against another.

Phase, carrier, timing, pulse and noise are known; only the symbols aren't. Then the log-likelihood of a frame is a
sum over its symbols, and the difference of two classes' terms is the evidence of each. A classifier that knows
less has to infer noise and carrier from all symbols together: its evidence needn't lie where this one's does.
Without the phase alone, which no receiver is told, it lies elsewhere: what tells BPSK from QPSK is then no longer
how far along its axis a symbol lies. `phaseless_evidence` is that observer's.
"""

import math
from collections.abc import Sequence

import torch

from amc_xai.limits.likelihood import symbol_log_sum
from amc_xai.signal.classes import LINEAR
from amc_xai.signal.constellations import constellation
from amc_xai.signal.filters import root_raised_cosine_spectrum
from amc_xai.signal.parameters import FrameParameters

# Symbols nearer than this to an end of the frame have lost part of their pulse.
EDGE_SYMBOLS = 2.0
# Phases are first looked for this many a turn, then so many times closer around the best ones.
PHASES, CLOSER, BEST = 512, 8, 128


def received_symbols(iq: torch.Tensor, known: FrameParameters) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs of the matched filter at the symbol instants, and half a symbol later: complex64 (B, K) each.

    Frames (B, 2, L) on root-raised-cosine pulses, at the scale at which their mean power before noise is 1; the
    outputs are symbols of unit mean power in noise of N0 = 1 / (Es/N0). The k-th belongs to sample
    ``timing + k samples_per_symbol``. On the CPU, in float64 throughout.
    """
    length, step = iq.shape[2], float(known.samples_per_symbol)
    roll_off, timing, phase, offset = (
        part.cpu().double()[:, None] for part in (known.roll_off, known.timing, known.phase, known.carrier_offset)
    )
    time = torch.arange(length, dtype=torch.float64)
    turn = phase + 2 * math.pi * offset * time
    frame = torch.complex(*iq.cpu().double().unbind(1)) * torch.polar(torch.ones_like(turn), -turn)
    points = 2 * length  # zeros behind the frame, so that nothing comes round from its other end
    bins = torch.arange(-points // 2, points // 2)
    frequency = bins.double() / points
    inside = (frequency * step).abs() <= (1 + float(roll_off.max())) / 2
    frequency = frequency[inside]
    spectrum = torch.fft.fft(frame, points)[:, bins[inside] % points]
    spectrum = spectrum * root_raised_cosine_spectrum(frequency * step, roll_off)
    spectrum = spectrum * torch.polar(torch.ones_like(spectrum.real), 2 * math.pi * frequency * timing)
    count = math.ceil(length / step)
    outputs = []
    for late in (0.0, 0.5):
        instants = (torch.arange(count, dtype=torch.float64) + late) * step
        turns = 2 * math.pi * frequency[:, None] * instants
        outputs.append((spectrum @ torch.polar(torch.ones_like(turns), turns) / points).to(torch.complex64))
    return outputs[0], outputs[1]


def whole_symbols(known: FrameParameters, length: int) -> torch.Tensor:
    """Which of the outputs of `received_symbols` hold a whole pulse: bool (B, K)."""
    step = float(known.samples_per_symbol)
    instant = known.timing.cpu()[:, None] + step * torch.arange(math.ceil(length / step))
    return (instant >= EDGE_SYMBOLS * step) & (instant <= length - EDGE_SYMBOLS * step)


def symbol_evidence(
    symbols: torch.Tensor, late: torch.Tensor, es_n0: torch.Tensor, named: Sequence[str], rival: Sequence[str]
) -> torch.Tensor:
    """The log-likelihood ratio of each symbol, float64 (B, K): above 0 it speaks for the class that is ``named``.

    A term is log( (1/M) sum_m exp(g (2 Re(y* a_m) - |a_m|^2)) ) as `density.SymbolDensity` has it, but exact; what
    it lacks of the log-likelihood is the same for both classes. Over a frame the terms add up to its
    log-likelihood ratio.

    Args:
        symbols, late: of `received_symbols`.
        es_n0: g (B,), a ratio.
        named, rival: B classes with a constellation each (`has_evidence`).
    """
    return _terms(symbols, late, es_n0, named) - _terms(symbols, late, es_n0, rival)


def phaseless_evidence(
    symbols: torch.Tensor,
    late: torch.Tensor,
    es_n0: torch.Tensor,
    named: Sequence[str],
    rival: Sequence[str],
    known: torch.Tensor,
) -> torch.Tensor:
    """What each symbol adds to the log-likelihood ratio of an observer without the phase: float64 (B, K).

    With the phase uniform, a class's likelihood is the mean over phases of the product of its symbols' terms. A
    symbol's evidence is the ratio of both classes' with it less that without it; with the phase known this is
    `symbol_evidence`. Arguments as there; ``known`` bool (B, K), the symbols that the observer gets, 0 elsewhere.
    """
    found = torch.zeros(symbols.shape, dtype=torch.float64)
    for row, mine in enumerate(known):
        received = symbols[row, mine], late[row, mine], es_n0[row]
        found[row, mine] = _added(*received, named[row]) - _added(*received, rival[row])
    return found


def _added(symbols: torch.Tensor, late: torch.Tensor, es_n0: torch.Tensor, name: str) -> torch.Tensor:
    """What each of K symbols adds to the log-likelihood of a class whose phase is uniform: float64 (K,)."""
    phase, step = torch.arange(PHASES, dtype=torch.float64) * 2 * math.pi / PHASES, 2 * math.pi / PHASES
    # No phase is told better than by symbols that are known; a step is half of that standard deviation at most.
    finest = 0.5 / math.sqrt(max(2 * float(es_n0) * len(symbols), 1.0))
    while True:
        turn = torch.polar(torch.ones_like(phase), -phase)[:, None].to(symbols.dtype)
        terms = _terms(symbols * turn, late * turn, es_n0.expand(len(phase)), [name] * len(phase))
        total = terms.sum(1, keepdim=True)
        if step <= finest:
            return (total.logsumexp(0) - (total - terms).logsumexp(0)).to(torch.float64)
        best = phase[total[:, 0].topk(BEST).indices]
        step /= CLOSER
        phase = (best[:, None] + step * (torch.arange(CLOSER) - (CLOSER - 1) / 2)).flatten()


def has_evidence(name: str) -> bool:
    """Whether a class sends independent points, so that its likelihood is a product over symbols."""
    return name in LINEAR


def _terms(symbols: torch.Tensor, late: torch.Tensor, es_n0: torch.Tensor, names: Sequence[str]) -> torch.Tensor:
    found = torch.zeros(symbols.shape, dtype=torch.float64)
    for name in set(names):
        rows = torch.tensor([k for k, own in enumerate(names) if own == name])
        y = symbols[rows]
        if name == "OQPSK":  # whose imaginary part is sent half a symbol late
            y = torch.complex(y.real, late[rows].imag)
        ratio = es_n0[rows].cpu().double()
        scaled = (ratio[:, None] * y).to(torch.complex128)
        found[rows] = symbol_log_sum(scaled, constellation(name), ratio).double()
    return found
