"""What a network says of frames, and what that rests on: tables of numbers that draw themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from amc_xai.errors import UserError, guess
from amc_xai.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = 8  # frames, or classes, beyond which a text says how many more there are


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network says of N frames.

    Attributes:
        modulations: M names; ``snrs`` S values in dB.
        modulation_probability: float32 (N, M); ``snr_probability`` float32 (N, S).
        row: int64 (N,), of which row of the samples each frame is; ``start`` int64 (N,), its first sample there.
        verdicts: one for each emission in them; none where there are more than 32 rows, which count as frames.
    """

    modulations: list[str]
    snrs: list[float]
    modulation_probability: np.ndarray
    snr_probability: np.ndarray
    row: np.ndarray
    start: np.ndarray
    verdicts: list[Verdict] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.row)

    @property
    def modulation(self) -> np.ndarray:
        """The most probable modulation of each frame, str (N,)."""
        return np.asarray(self.modulations)[self.modulation_probability.argmax(1)]

    @property
    def snr(self) -> np.ndarray:
        """The most probable SNR of each frame, float64 (N,) in dB."""
        return np.asarray(self.snrs)[self.snr_probability.argmax(1)]

    def top(self, count: int = 3) -> list[list[tuple[str, float]]]:
        """For each frame the ``count`` most probable modulations, each with its probability."""
        order = np.argsort(-self.modulation_probability, axis=1, kind="stable")[:, :count]
        return [
            [(self.modulations[k], float(shares[k])) for k in best]
            for best, shares in zip(order, self.modulation_probability, strict=True)
        ]

    def __str__(self) -> str:
        """One line an emission, or, where there is none, a frame; of the first few."""
        if self.verdicts:
            lines = [str(verdict) for verdict in self.verdicts[:SHOWN]]
            more = len(self.verdicts) - SHOWN
            return "\n".join(lines + [f"and {more} more emissions"] * (more > 0))
        shares = self.modulation_probability.max(1)
        lines = [
            f"row {row}, sample {start}: {name} ({share:.0%}), {snr:g} dB"
            for row, start, name, share, snr in zip(
                self.row[:SHOWN], self.start[:SHOWN], self.modulation, shares, self.snr, strict=False
            )
        ]
        return "\n".join(lines + [f"and {len(self) - SHOWN} more frames"] * (len(self) > SHOWN))

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """The probability of each modulation: bars of one frame, a map of several; returns what it drew on."""
        axes = drawn_on(axes)
        if len(self) == 1:
            axes.barh(self.modulations, self.modulation_probability[0])
            axes.set(xlim=(0, 1), xlabel="Probability", title=f"{self.modulation[0]}, {self.snr[0]:g} dB")
            axes.invert_yaxis()
            return axes
        image = axes.imshow(self.modulation_probability.T, aspect="auto", vmin=0, vmax=1, interpolation="nearest")
        axes.set_yticks(range(len(self.modulations)), self.modulations)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set(xlabel="Frame", title="Probability of each modulation")
        axes.figure.colorbar(image, ax=axes)
        return axes


@dataclass(frozen=True, eq=False)
class Explanation:
    """What each part of what the network sees of N frames is worth to the answer.

    Attributes:
        prediction: the answers.
        task: whose answer is explained, ``modulation`` or ``snr``.
        channels: C names.
        seen: what the network sees, float32: sequences (N, C, K), or pictures (N, C, H, W).
        worth: of each value in it, float32 of the same shape; by Integrated Gradients in units of the logit of the
            class named, over what an input of zeros would have.
        axes: of channels that are pictures, by name, what their axes are.
    """

    prediction: Prediction
    task: str
    channels: list[str]
    seen: np.ndarray
    worth: np.ndarray
    axes: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_channel(self) -> np.ndarray:
        """What each channel is worth, float32 (N, C)."""
        return self.worth.reshape(*self.worth.shape[:2], -1).sum(-1)

    @property
    def by_place(self) -> np.ndarray:
        """What each symbol or sample is worth over all channels (N, K), or each pixel of a lone picture (N, H, W).

        Raises:
            UserError: for several pictures, whose planes differ, so that a pixel is another place in each.
        """
        if self.worth.ndim == 4 and len(self.channels) > 1:
            raise UserError(
                "by_place: channels are pictures of different planes, so that a pixel is another place in each; "
                f"take worth[:, k], with k the place of one of {', '.join(self.channels)}"
            )
        return self.worth.sum(1)

    def plot(self, frame: int = 0, axes: "Axes | None" = None) -> "Axes":
        """Bars of what each channel is worth to the answer to one frame; returns what it drew on."""
        axes = drawn_on(axes)
        axes.barh(self.channels, self.by_channel[frame])
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set(xlabel="Speaks for the answer (logit)", title=self._answer(frame))
        axes.invert_yaxis()
        return axes

    def plot_places(self, frame: int = 0, axes: "Axes | None" = None, channel: str | None = None) -> "Axes":
        """What each symbol, sample or pixel is worth to the answer to one frame; returns what it drew on.

        Of pictures one ``channel`` is drawn, None = the one whose pixels are worth the most; of sequences one, or
        the sum over all.

        Raises:
            UserError: for a channel that isn't there.
        """
        if channel is not None and channel not in self.channels:
            near = guess(channel, self.channels)
            raise UserError(f"channel: there is no {channel!r}{near}; choose from {', '.join(self.channels)}")
        axes = drawn_on(axes)
        if channel is None and self.worth.ndim == 4:
            channel = self.channels[int(np.abs(self.worth[frame]).sum((1, 2)).argmax())]
        worth = self.by_place[frame] if channel is None else self.worth[frame, self.channels.index(channel)]
        if worth.ndim == 1:
            axes.bar(np.arange(len(worth)), worth, width=1.0)
            axes.set(xlabel="Place in the frame", ylabel="Speaks for the answer (logit)")
        else:
            reach = float(np.abs(worth).max()) or 1.0
            image = axes.imshow(worth, origin="lower", cmap="RdBu_r", vmin=-reach, vmax=reach)
            axes.set(xlabel=fill(self.axes.get(channel, "pixel"), 40), xticks=[], yticks=[])
            axes.figure.colorbar(image, ax=axes, label="Speaks for the answer (logit)")
        axes.set_title(self._answer(frame) + (f", channel {channel}" if channel is not None else ""))
        return axes

    def _answer(self, frame: int) -> str:
        if self.task == "snr":
            return f"{self.prediction.snr[frame]:g} dB"
        return str(self.prediction.modulation[frame])


def drawn_on(axes: "Axes | None") -> "Axes":
    """These axes, or new ones."""
    if axes is not None:
        return axes
    from matplotlib import pyplot

    return pyplot.subplots()[1]
