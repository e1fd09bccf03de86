"""What ``report.html`` is put together from: its frame, its look, its tables, and a caption for each figure."""

import math
from collections.abc import Iterable
from html import escape
from itertools import count

DASH = "\N{EN DASH}"

# In the order in which a reader wants them.
CAPTIONS = {
    "accuracy_by_snr": "Accuracy at each SNR. Bands: 95 % intervals; dotted: chance; dashed: the limit; thin and "
    "grey: classical methods without learning.",
    "limits_by_snr": "The best possible accuracy at each SNR, beside classical methods without learning.",
    "confusion_modulation": "Which modulation is taken for which; each row adds up to 100 %.",
    "confusion_snr": "Which SNR is taken for which; each row adds up to 100 %.",
    "f1_by_class": "F1 of every modulation; the grey line and band are the macro mean and its 95 % interval.",
    "gate_by_snr": "Which expert the network listens to at each SNR.",
    "training_curves": "Training by epoch.",
    "pis_by_fraction": "Accuracy after masking, and the Perturbation Impact Score, by masked share.",
    "pis_published": "What share of the lit pixels each mask really removed, and the score as published (drop / "
    "share named): one that grows as 1 / share comes of one mask under several names.",
    "pis_by_class": "Perturbation Impact Score of the modulation answer, by true modulation.",
    "pis_by_snr": "Perturbation Impact Score of the SNR answer, by true SNR.",
    "perturbed_confusion": "Confusion without masking, and under each selector's mask.",
    "perturbed_f1": "F1 (macro mean) under each mask; the dashed line is that without masking.",
    "constellations": "What the network sees, by modulation and SNR; each image scaled to its own maximum.",
    "constellations_masked": "Frames beside what each selector masks in them.",
    "attribution": "What speaks for (vermilion) and against (blue) each answer; every map has its own scale.",
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

PAGE = """<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>amc_xai: {{title}}</title>
<style>
:root { --ink: #1f2430; --muted: #5d6573; --ground: #ffffff; --line: #dfe3e9; --soft: #f5f6f8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ef; --muted: #a2abba; --ground: #14171d; --line: #333a46; --soft: #1d222b; }
}
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; color: var(--ink);
  background: var(--ground); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
p { color: var(--muted); }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .3rem .9rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--muted); font-weight: 600; }
tbody tr:nth-child(even) { background: var(--soft); }
.text { text-align: left; }
figure { margin: 0 0 2rem; padding: .75rem; background: #ffffff;
  border: 1px solid var(--line); border-radius: 8px; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { color: #5d6573; font-size: .9rem; margin-top: .5rem; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px;
  padding: .8rem 1rem; overflow-x: auto; }
</style>
</head>
<body>
<h1>amc_xai: {{title}}</h1>
{{body}}
</body>
</html>
"""


def section(title: str, body: str) -> str:
    """A titled part of the page; nothing where there is no body."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def table(header: Iterable[str], rows: Iterable[Iterable[str]], *, text_columns: int = 1) -> str:
    """An HTML table; the first ``text_columns`` columns are text, the others numbers."""

    def line(cells: Iterable[str], tag: str) -> str:
        opening = (f"<{tag} class=text>" if i < text_columns else f"<{tag}>" for i in count())
        filled = (f"{start}{escape(cell)}</{tag}>" for cell, start in zip(cells, opening, strict=False))
        return f"<tr>{''.join(filled)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<div class=wide><table><thead>{line(header, 'th')}</thead><tbody>{body}</tbody></table></div>"


def number(value: float | None, places: int = 3) -> str:
    """A number with a true minus sign; a dash where it is unknown."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:.{places}f}".replace("-", "\N{MINUS SIGN}")
