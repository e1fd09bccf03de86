"""Blind synchronisation of a frame, stage by stage, each telling how sure it is. All batched, on the device.

``rate``: samples a symbol, where nobody tells, and ``emission``: those of a whole recording; ``spectrum`` and
``grid``: the frame on a grid of its symbol rate, at any number of samples a symbol; ``coarse``, ``timing``,
``receive_filter``, ``carrier``, ``staggered``; ``noise`` and ``inside``: the noise beside and inside the band;
``dc``; ``chain``: all of them in order.
"""

from amc_xai.representation.synchronisation.carrier import (
    Carrier,
    Powers,
    carrier_of,
    find_carrier,
    recover_carrier,
)
from amc_xai.representation.synchronisation.chain import Receiver, Synchronised, check_blind, rates_of, synchronise
from amc_xai.representation.synchronisation.emission import EmissionRate, emission_symbol_rate
from amc_xai.representation.synchronisation.grid import shared_grids, symbol_count, symbol_counts
from amc_xai.representation.synchronisation.inside import InsideNoise, inside_noise
from amc_xai.representation.synchronisation.noise import (
    OutsideNoise,
    band_es_n0,
    band_has_outside,
    outside_noise,
    outside_residual,
)
from amc_xai.representation.synchronisation.rate import SymbolRate, estimate_symbol_rate, refine_symbol_rate
from amc_xai.representation.synchronisation.receive_filter import PULSES, pulse_spectrum
from amc_xai.representation.synchronisation.spectrum import Spectrum, periods_of, spectrum
from amc_xai.representation.synchronisation.staggered import staggered_carrier
from amc_xai.representation.synchronisation.timing import symbol_timing

__all__ = [
    "PULSES",
    "Carrier",
    "EmissionRate",
    "InsideNoise",
    "OutsideNoise",
    "Powers",
    "Receiver",
    "Spectrum",
    "SymbolRate",
    "Synchronised",
    "band_es_n0",
    "band_has_outside",
    "carrier_of",
    "check_blind",
    "emission_symbol_rate",
    "estimate_symbol_rate",
    "find_carrier",
    "inside_noise",
    "outside_noise",
    "outside_residual",
    "periods_of",
    "pulse_spectrum",
    "rates_of",
    "recover_carrier",
    "refine_symbol_rate",
    "shared_grids",
    "spectrum",
    "staggered_carrier",
    "symbol_count",
    "symbol_counts",
    "symbol_timing",
    "synchronise",
]
