"""The posterior over the classes of a frame whose nuisances are known: what a synthesis teaches beside the label.

Given timing, phase, carrier, pulse and noise level N, let p(c | x, N, Z) be the posterior over the classes, with Z
anything else that was drawn. Whatever Z is, E[p(c | x, N, Z) | x] = p(c | x): the mean of what is known to the
synthesis over all that the network can't know is the network's own best answer (the tower property). So it is a
target without bias, as the label is (for which Z tells everything), and varies less the less Z tells.

Z is chosen for the posterior to be exact at the price of a few tables:

- the rest of the period that the frame is cut from, in noise of the same density. The symbols of a whole period
  stand on orthogonal pulses; those at the ends of a frame don't, once they are cut.
- for a pulse that interferes with itself through its matched filter: a second look at the symbols through a pulse
  that adds up with the first one's to a flat spectrum. With R the folded power spectrum of the pulse and F its
  maximum, the second has F - R, and both together are free of interference at F times the Es/N0.
"""

import math
from collections.abc import Sequence

import torch
from torch.nn.functional import embedding_bag, pad

from amc_xai.limits.density import STEPS, log_sum_table, nodes, reach
from amc_xai.signal import Channel, Frames
from amc_xai.signal.constellations import UNIPOLAR, constellation
from amc_xai.signal.impairments import rotated
from amc_xai.signal.oversampling import block_size
from amc_xai.signal.parameters import FrameParameters
from amc_xai.signal.pulses import Pulses, band_edge, fills_band
from amc_xai.signal.snr import class_power
from amc_xai.signal.waveform import noise_variance


class ClassPosterior:
    """p(class | frame, nuisances, Z) of fresh frames, with equal priors. See above for Z.

    A symbol's log-likelihood comes from a table over the plane that holds all classes at one node, as
    `density.SymbolDensity` has it for one class: the cost is that of a lookup, whatever the orders.

    Args:
        modulations: classes with a constellation, in the order of the labels.
        snrs: SNRs in dB as ``channel.snr_definition`` counts them.
        frame_length, samples_per_symbol: of the frames; other lengths may follow where the pulse is a
            root-raised-cosine one.
        channel: white noise, one pulse, and the carrier. (What else can't be, `tasks.teaching` says.)
        device: of the frames. The tables take 3 MB for each SNR at 17 classes.
    """

    def __init__(
        self,
        modulations: Sequence[str],
        snrs: Sequence[float],
        frame_length: int,
        samples_per_symbol: float,
        channel: Channel,
        device: torch.device | str = "cpu",
        steps: int = STEPS,
    ):
        self.channel, self.samples_per_symbol, self.steps = channel, samples_per_symbol, steps
        self.staggered = modulations.index("OQPSK") if "OQPSK" in modulations else None
        ideal = [constellation(UNIPOLAR.get(name, name) if channel.unipolar_ask else name) for name in modulations]
        powers = [class_power(channel.snr_definition, name).decibel for name in modulations]
        power = torch.tensor([float(points.mean().abs().square()) for points in ideal])
        self._settle_pulse(power, *block_size(frame_length, samples_per_symbol))
        amplitude = torch.tensor([10 ** (decibel / 20) for decibel in powers])
        scale = amplitude * self.kept
        variance = noise_variance(torch.tensor(snrs), samples_per_symbol, channel.snr_definition)
        points = [own * float(factor) for own, factor in zip(ideal, scale, strict=True)]
        ratios = (self.flat * samples_per_symbol / variance).tolist()
        halves = [max(reach(own, ratio) for own in points) for ratio in ratios]
        tables = torch.empty(len(snrs), steps, steps, len(ideal), device=device)
        for s, (ratio, half) in enumerate(zip(ratios, halves, strict=True)):
            y = nodes(half, steps).to(device)
            for c, own in enumerate(points):
                tables[s, :, :, c] = log_sum_table(own, ratio, y)
        self.tables = tables.view(-1, len(ideal))
        self.table_of_staggered = None
        if self.staggered is not None:
            self.table_of_staggered = self.tables[:, self.staggered, None].contiguous()
        self.half, self.variance = torch.tensor(halves, device=device), variance.to(device)
        self.amplitude, self.scale = amplitude.to(device), scale.to(device)
        self.missing = None if self.missing is None else self.missing.to(device)

    def __call__(
        self,
        made: Frames,
        known: FrameParameters,
        modulation: torch.Tensor,
        snr: torch.Tensor,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Probabilities float32 (B, C) of frames as they were made, with what they drew and their labels (B,)."""
        symbols, late = self.outputs(made, known, modulation, snr, generator)
        found = self._look_up(symbols, snr, self.tables)
        if self.staggered is not None:
            own = torch.complex(symbols.real, late.imag)  # Q is sent half a symbol late
            found[:, self.staggered] = self._look_up(own, snr, self.table_of_staggered)[:, 0]
        return found.softmax(1)

    def outputs(
        self,
        made: Frames,
        known: FrameParameters,
        modulation: torch.Tensor,
        snr: torch.Tensor,
        generator: torch.Generator | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What is judged: the period's symbols in white noise, and half a symbol later; complex64 (B, K) each.

        Of unit power times that of the class, in noise of N0 = variance / (samples a symbol * F).
        """
        variance = self.variance[snr]
        period = whole_period(made, known, self.amplitude[modulation], variance, generator)
        symbols, late = self._matched(period, known, made.sent.shape[1])
        if self.missing is None:
            return symbols, late
        sent = made.sent * self.scale[modulation][:, None]
        noise = white(sent.shape, variance / self.samples_per_symbol, generator)
        seen = self.missing.sqrt()
        more = torch.fft.ifft(seen * (seen * torch.fft.fft(sent) + torch.fft.fft(noise)))
        return (symbols + more) / self.flat, (late + more) / self.flat

    def _settle_pulse(self, mean_power: torch.Tensor, count: int, samples: int) -> None:
        """F (``flat``), F - R (``missing``, None where it is 0), and the amplitude that a class's pulse has of a
        zero-mean one's (``kept``)."""
        (name,) = self.channel.pulse
        endless = fills_band(name)
        self.widest = math.inf if endless else band_edge(name, self.channel.roll_off[1], self.channel.gaussian_bt)
        roll_off = torch.full_like(mean_power, self.channel.roll_off[0])
        bins = self._bins(count, samples)
        frequency = (bins / count)[None]
        plain = self._pulses(roll_off[:1]).shape(frequency, bins, count)
        own = self._pulses(roll_off, mean_power).shape(frequency, bins, count)
        middle = len(bins) // 2
        self.kept = own[:, middle] / plain[:, middle]
        power = folded(plain.square(), count)[0]
        self.flat = float(power.max())
        missing = (self.flat - power).clamp(min=0)
        self.missing = missing if float(missing.max()) > 1e-5 * self.flat else None

    def _pulses(self, roll_off: torch.Tensor, mean_power: torch.Tensor | None = None) -> Pulses:
        return Pulses(self.channel.pulse, None, roll_off, self.widest, self.channel.gaussian_bt, mean_power)

    def _bins(self, count: int, samples: int, device: torch.device | str = "cpu") -> torch.Tensor:
        highest = math.floor(min(self.widest * count, (samples - 1) // 2))
        return torch.arange(-highest, highest + 1, device=device)

    def _matched(
        self, period: torch.Tensor, known: FrameParameters, count: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        samples = period.shape[1]
        bins = self._bins(count, samples, period.device)
        highest = len(bins) // 2
        shape = self._pulses(known.roll_off).shape((bins / count)[None], bins, count)
        spectrum = torch.fft.fft(period)
        band = torch.cat([spectrum[:, samples - highest :], spectrum[:, : highest + 1]], 1)
        band = band * torch.polar(
            shape * (count / samples), known.timing[:, None] * (2 * math.pi / samples * bins)
        )
        turn = math.pi / count * bins
        later = band * torch.polar(torch.ones_like(turn), turn)
        return torch.fft.ifft(folded(band, count)), torch.fft.ifft(folded(later, count))

    def _look_up(self, symbols: torch.Tensor, snr: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """Sums over the symbols (B, K) of what the tables hold there, interpolated bilinearly."""
        place = torch.view_as_real(symbols) / self.half[snr][:, None, None]
        place = ((place + 1) * ((self.steps - 1) / 2)).clamp(0, self.steps - 1)
        node = place.floor().clamp(max=self.steps - 2)
        share = place - node
        (right, up), (column, row) = share.unbind(-1), node.long().unbind(-1)
        first = (snr[:, None] * self.steps + row) * self.steps + column
        index = torch.cat([first, first + 1, first + self.steps, first + self.steps + 1], 1)
        left, down = 1 - right, 1 - up
        weight = torch.cat([left * down, right * down, left * up, right * up], 1)
        return embedding_bag(index, table, mode="sum", per_sample_weights=weight)


def whole_period(
    made: Frames,
    known: FrameParameters,
    amplitude: torch.Tensor,
    variance: torch.Tensor,
    generator: torch.Generator | None,
) -> torch.Tensor:
    """The frames without their carrier, each with the rest of its period in noise as strong: complex (B, N)."""
    frame = rotated(torch.complex(*made.iq.unbind(1)), -known.phase, -known.carrier_offset, None)
    rest = made.period[:, frame.shape[1] :]
    return torch.cat([frame, rest * amplitude[:, None] + white(rest.shape, variance, generator)], 1)


def white(shape: Sequence[int], variance: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Circular white noise complex64 of ``shape`` (B, n), of variance (B,)."""
    drawn = torch.randn(*shape, 2, generator=generator, device=variance.device)
    return torch.view_as_complex(drawn) * (variance / 2).sqrt()[:, None]


def folded(band: torch.Tensor, count: int) -> torch.Tensor:
    """Bins -h ... h (B, 2h + 1) of a spectrum, added up at their places modulo ``count``: (B, count)."""
    width = band.shape[1]
    rows = -(-width // count)
    whole = pad(band, (0, rows * count - width)).view(len(band), rows, count).sum(1)
    return whole.roll(-(width // 2), 1)
