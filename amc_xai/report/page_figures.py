"""The figures of ``report.html``: in which chapter each stands, what is said below it, and how it opens large."""

import base64
import struct
from html import escape
from pathlib import Path

# Which figures answer why; in this order, before all others.
WHY = ("channels", "symbols", "worked", "counterfactuals", "evidence", "channels_by_class", "channels_by_snr")
# In the order in which a reader wants them.
CAPTIONS = {
    "channels": "What each channel is worth: the accuracy lost when it alone is another frame's, and its share of "
    "the whole (Shapley value), which channels that say the same divide among them. Bars: 95 % intervals; hollow: "
    "not told from 0.",
    "symbols": "Symbols taken out of every channel at once and filled up from the rest of the frame, beside as "
    "many at random. Bars: 95 % intervals; hollow: not told from 0.",
    "worked": "Single frames at work: named rightly, named wrongly and at a low SNR, as far as there are such. "
    "Vermilion speaks for what was named, blue for its rival; one scale for all channels of a frame. Above each "
    "picture: what the lead over the rival loses when this channel is another frame's, in nats, with its 95 % "
    "interval over such frames.",
    "counterfactuals": "What would it say if the frame were another? One frame changed in one way at a time, and "
    "the answer to each.",
    "evidence": "How well each map agrees with the evidence that an optimal observer finds in each symbol, for "
    "the modulation named and against its runner-up. Bands: 95 % intervals; grey: maps that know nothing.",
    "channels_by_class": "Accuracy lost when a channel is another frame's, by true modulation; hatched: not told "
    "from 0.",
    "channels_by_snr": "Accuracy lost when a channel is another frame's, by true SNR; hatched: not told from 0.",
    "verdicts": "A recording over time, and the verdict on each emission in it.",
    "symbols_of_verdicts": "The symbols of one frame of each emission. Vermilion speaks for the answer against "
    "its runner-up, blue for the runner-up (Integrated Gradients, summed over channels); grey: not known.",
    "inspection_power": "Power of the frames: by class, and one by one.",
    "inspection_values": "How large I and Q are. A pile at the right end is clipping; a spread over many decades, "
    "bytes read as another type than they were written.",
    "inspection_spectrum": "Mean spectrum of each class at its highest SNR; grey: the band with 99 % of the power "
    "above the noise floor.",
    "inspection_spectrogram": "A recording over time, and the stretches of it that became frames.",
    "constellation_grid": "All samples of a frame of each class and SNR.",
    "accuracy_by_snr": "Accuracy at each SNR. Bands: 95 % intervals; dotted: chance; dashed: the limit; thin and "
    "grey: classical methods without learning.",
    "limits_by_snr": "The best possible accuracy at each SNR, beside classical methods without learning.",
    "confusion_modulation": "Which modulation is taken for which; each row adds up to 100 %.",
    "confusion_snr": "Which SNR is taken for which; each row adds up to 100 %.",
    "f1_by_class": "F1 of every modulation; the grey line and band are the macro mean and its 95 % interval.",
    "gate_by_snr": "Which expert the network listens to at each SNR.",
    "training_curves": "Training by epoch.",
    "pis_drops": "Accuracy lost when pixels of one channel are masked, beside as many pixels at random. Bars: "
    "95 % intervals; hollow: not told from 0.",
    "pis_by_fraction": "Accuracy after masking, and the Perturbation Impact Score, by masked share. Bands of the "
    "accuracy: Wilson's 95 % intervals, of the score: those of the drop, over the mean share masked.",
    "pis_published": "What share of the lit pixels each mask really removed, and the score as published (drop / "
    "share named): one that grows as 1 / share comes of one mask under several names.",
    "pis_by_class": "Perturbation Impact Score of the modulation answer, by true modulation; hatched: the drop is "
    "not told from 0.",
    "pis_by_snr": "Perturbation Impact Score of the SNR answer, by true SNR; hatched: the drop is not told from "
    "0.",
    "perturbed_confusion": "Confusion without masking, and under each selector's mask.",
    "perturbed_f1": "F1 (macro mean) under each mask, with the 95 % intervals of what it costs; hollow: not "
    "told from 0.",
    "constellations": "What the network sees, by modulation and SNR; each image scaled to its own maximum.",
    "constellations_masked": "Frames beside what each selector masks in them.",
    "attribution": "What speaks for (vermilion) and against (blue) each answer. All channels of a map have one "
    "scale; above each column: this channel's share of the maps.",
    "attribution_by_snr": "Maps of the first method by class and SNR, the image with what is masked beside them.",
    "attribution_samples": "What speaks for (vermilion) and against (blue) each answer along the frame's samples.",
    "attribution_points": "Which symbols speak for (vermilion) and against (blue) each answer, a point a symbol.",
    "faithfulness_scores": "Area under insertion less deletion; bars: 95 % intervals over frames. A map that is "
    "no better than its grey controls says nothing about this network.",
    "faithfulness_curves": "The class's probability as the most relevant pixels go, and as they come.",
    "sanity_by_layer": "Maps of ever more randomised networks beside the trained one's.",
    "pis_vs_attribution": "What masking cost, against the share of each map under the mask; Kendall's tau is "
    "taken among maskings of one fraction and averaged over fractions.",
}


def pictures(folder: Path) -> tuple[list[Path], list[Path]]:
    """The PNGs of ``figures/`` in reading order: those that answer why, and the others.

    What isn't known here comes last, by name.
    """
    order = list(CAPTIONS)

    def rank(path: Path) -> tuple[int, str]:
        return (order.index(key) if (key := kind_of(path.stem)) else len(order)), path.name

    paths = sorted(folder.glob("[!.]*.png"), key=rank)
    return [p for p in paths if kind_of(p.stem) in WHY], [p for p in paths if kind_of(p.stem) not in WHY]


def kind_of(stem: str) -> str | None:
    """The longest known figure name that ``stem`` is, or begins with (``constellations_<channel>``)."""
    fits = [name for name in CAPTIONS if stem == name or stem.startswith(f"{name}_")]
    return max(fits, key=len, default=None)


def figure(path: Path) -> str:
    """A figure with its caption, which opens large on a click or the space bar; on narrow screens it scrolls."""
    kind = kind_of(path.stem)
    caption = escape(CAPTIONS[kind] if kind else path.stem.replace("_", " "))
    data = path.read_bytes()
    width, height = size_of(data)
    image = (
        f'<img alt="{caption}" width="{width}" height="{height}" '
        f'src="data:image/png;base64,{base64.b64encode(data).decode("ascii")}">'
    )
    opened = f'<input type="checkbox" aria-label="Show large: {escape(path.stem.replace("_", " "))}">'
    return (
        f'<figure id="{escape(path.stem)}"><label class="zoom" style="--w:{width}px">{opened}'
        f'<span class="sheet">{image}</span></label><figcaption>{caption}</figcaption></figure>'
    )


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height in pixels of a PNG."""
    return struct.unpack(">II", data[16:24])
