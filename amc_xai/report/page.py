"""``report.html``: a whole run on one page that needs nothing but itself."""

import math
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from amc_xai.errors import UserError
from amc_xai.evaluation.limit import Limits, read_limits
from amc_xai.evaluation.metrics import chance, load_metrics
from amc_xai.files import replacing
from amc_xai.report.anchors import METHODS, AnchorRow, gain_sentence, methods_of, overall, read_anchors
from amc_xai.report.answers import sentences
from amc_xai.report.beyond import above_sentence
from amc_xai.report.inspection_files import ABOUT, read_about
from amc_xai.report.page_attribution import attribution_sections
from amc_xai.report.page_figures import figure, pictures
from amc_xai.report.page_inspection import after_figures, before_figures
from amc_xai.report.page_parts import DASH, PAGE, number, section, table
from amc_xai.report.page_players import flow_table, player_sections
from amc_xai.report.run_files import NOTE, TEXT_COLUMNS, PisRow, read_pis, run_folder_of
from amc_xai.report.style import TASKS, decibels, es_n0_of, snr_label, snr_name
from amc_xai.report.table import HEADLINE, percent, percent_interval
from amc_xai.report.verdicts import VERDICTS, verdict_table
from amc_xai.signal.snr import decibels_a_label, es_n0_in_words


def write_page(run_folder: str | Path) -> Path:
    """Write ``report.html`` into ``run_folder`` by write-then-rename and return its path.

    It opens with what the tables say in sentences, or with the verdicts on recordings.
    Then come the headline numbers (with ``anchors.csv`` those of
    classical methods beside them), the figures that lie in ``figures/`` (draw them first, with ``draw_figures``),
    those that answer why before the others, with the flows that masks drive (``flows.csv``), the tables by SNR, by
    class, of channels, of masking and of attribution, what an inspection found, and the overrides of
    ``.hydra/overrides.yaml``; what isn't there is left out. Raises ``UserError`` if the folder is missing or holds
    neither numbers nor figures.
    """
    folder = run_folder_of(run_folder)
    metrics = load_metrics(folder / "metrics.json") if (folder / "metrics.json").exists() else None
    pis = read_pis(folder / "pis.csv") if (folder / "pis.csv").exists() else []
    why, others = pictures(folder / "figures")
    inspected = read_about(folder) if (folder / ABOUT).exists() else None
    nothing = metrics is None and not pis and not why and not others and inspected is None
    if nothing and not (folder / VERDICTS).exists():
        raise UserError(
            f"run_folder: '{folder}' holds nothing to report on; "
            "a report needs metrics.json, pis.csv or figures/*.png."
        )
    said = "".join(f"<li>{escape(sentence, quote=False)}</li>" for sentence in sentences(folder))
    sections = [section("In short", f"<ul class=answers>{said}</ul>" if said else "")]
    sections += before_figures(inspected) if inspected else []
    sections.append(section("Verdicts", verdict_table(folder)))
    if metrics is not None:
        anchors = read_anchors(folder / "anchors.csv") if (folder / "anchors.csv").exists() else []
        gains = [gain_sentence(folder, task) for task in TASKS] if anchors else []
        sections.append(section("Result", _headline(metrics, anchors, [said for said in gains if said])))
    sections.append(section("Why", "".join(map(figure, why)) + flow_table(folder)))
    sections.append(section("Figures", "".join(map(figure, others))))
    sections += after_figures(inspected) if inspected else []
    if metrics is not None:
        limits = read_limits(folder / "limits.csv") if (folder / "limits.csv").exists() else {}
        sections.append(section("By SNR", _by_snr(metrics, limits) + _above(metrics, anchors, limits)))
        sections.append(section("By modulation", _by_class(metrics)))
    sections += [section(title, body) for title, body in player_sections(folder)]
    sections += [section("What masking costs", _masking(pis))] if pis else []
    sections += [section(title, body) for title, body in attribution_sections(folder)]
    sections.append(section("Overrides in force", _overrides(folder / ".hydra" / "overrides.yaml")))
    page = PAGE.replace("{{title}}", escape(folder.resolve().name)).replace(
        "{{body}}", "\n".join(filter(None, sections))
    )
    path = folder / "report.html"
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _headline(metrics: Mapping[str, Any], anchors: list[AnchorRow], gains: list[str]) -> str:
    guess, intervals, shares = chance(metrics), metrics["interval95"], metrics.get("share_of_limit")
    header = ["Accuracy", "Reached", "95 % interval", "Chance"] + (["Of the limit"] if shares else [])
    rows = []
    for name, label in HEADLINE.items():
        row = [label, percent(metrics[name]), percent_interval(intervals.get(name)), percent(guess[name])]
        rows.append(row + ([percent(shares.get(name))] if shares else []))
    others = []
    definition = metrics.get("snr_definition")
    unit = "labels" if decibels_a_label(definition) == 2 else f"dB of {snr_name(definition)}"
    different = metrics.get("snr_mae_es_n0_db") is not None and definition != "es_n0"
    for name, label, places in (
        ("modulation_f1_macro", "Modulation F1, macro mean", 3),
        ("snr_f1_macro", "SNR F1, macro mean", 3),
        ("snr_mae_db", f"Mean SNR error ({unit})", 2),
        *([("snr_mae_es_n0_db", "Mean SNR error (dB of Es/N0)", 2)] if different else []),
    ):
        interval = intervals.get(name)
        bounds = DASH if interval is None else " to ".join(number(bound, places) for bound in interval)
        others.append([label, number(metrics[name], places), bounds])
    classes = f"{len(metrics['by_class'])} modulations and {len(metrics['by_snr'])} SNRs"
    offsets = {row["modulation"]: row.get("es_n0_offset_db") for row in metrics["by_class"]}
    told = "" if definition == "es_n0" else " " + es_n0_in_words(definition, offsets)
    note = (
        f"<p>{metrics['frames']:,} frames of {classes}; SNR is {escape(snr_name(definition))}.{escape(told)}</p>"
    )
    scores = table(["Score", "Reached", "95 % interval"], others)
    said = "".join(f"<p>{escape(sentence, quote=False)}</p>" for sentence in gains)
    return note + table(header, rows) + _classical(anchors) + said + scores


def _classical(anchors: list[AnchorRow]) -> str:
    """What methods without learning reach on the same frames; nothing where that isn't known."""
    rows = []
    for method in methods_of(anchors):
        _, accuracy, interval = overall(anchors, method)
        rows.append([METHODS.get(method, method), percent(accuracy), percent_interval(interval)])
    return table(["Classical methods, same frames", "Reached", "95 % interval"], rows) if rows else ""


def _by_snr(metrics: Mapping[str, Any], limits: Limits) -> str:
    """Accuracies at each SNR, with what is possible beside them where that is known."""
    header = [snr_label(metrics.get("snr_definition")), "Frames", "Modulation", "SNR", "Joint"]
    titles = {name: f"Limit: {label.partition(' ')[0]}" for name, label in HEADLINE.items()}
    titles |= {f"reachable_{name}": f"{title}, carrier unknown" for name, title in titles.items()}
    known = [name for name in titles if any(name in values for values in limits.values())]
    header += [titles[name] for name in known]
    told = es_n0_of(metrics)
    told = {} if None in told.values() or all(snr == value for snr, value in told.items()) else told
    header[1:1] = ["Es/N0 (dB)"] if told else []
    rows = []
    for row in sorted(metrics["by_snr"], key=lambda row: row["snr"]):
        possible = limits.get(row["snr"], {})
        cells = [*(percent(row[name]) for name in HEADLINE), *(percent(possible.get(name)) for name in known)]
        own = [f"{told[row['snr']]:.1f}".replace("-", "\N{MINUS SIGN}")] if told else []
        rows.append([decibels(row["snr"]), *own, f"{row['frames']:,}", *cells])
    return table(header, rows)


def _above(metrics: Mapping[str, Any], anchors: list[AnchorRow], limits: Limits) -> str:
    """Whether anything lies above the limit, for all SNRs, tasks and methods together."""
    said = above_sentence({"the network": metrics["by_snr"]}, anchors, limits)
    return f"<p>{escape(said, quote=False)}</p>" if said else ""


def _by_class(metrics: Mapping[str, Any]) -> str:
    # Recall and modulation_accuracy are one number: one column.
    rows = [
        [
            row["modulation"],
            f"{row['frames']:,}",
            *(number(row[name]) for name in ("precision", "recall", "f1")),
        ]
        for row in metrics["by_class"]
    ]
    return table(["Modulation", "Frames", "Precision", "Recall", "F1"], rows)


def _masking(rows: list[PisRow]) -> str:
    columns = [name for name in TEXT_COLUMNS if any(row[name] for row in rows)]
    numbers = [
        (name, label, render)
        for name, label, render in (
            ("nominal_fraction", "Masked, nominal", percent),
            ("lit_fraction", "Lit pixels masked", percent),
            ("accuracy", "Accuracy after", percent),
            ("drop", "Drop", percent),
            ("pis_nominal", "PIS (nominal)", number),
            ("pis_lit", "PIS (lit)", number),
            ("control_drop", "Drop of the control", percent),
            ("excess", "Excess over the control", percent),
        )
        if any(math.isfinite(row.get(name, math.nan)) for row in rows)
    ]
    header = [name.capitalize() for name in columns] + [label for _, label, _ in numbers]
    body = []
    for row in rows:
        cells = [row[name] for name in columns]
        for name, _, render in numbers:
            value = row.get(name, math.nan)
            text = DASH if not math.isfinite(value) else render(value)
            low, high = row.get(f"{name}_low", math.nan), row.get(f"{name}_high", math.nan)
            if math.isfinite(low) and math.isfinite(high):
                bounds = percent_interval((low, high)) if render is percent else f"{number(low)} to {number(high)}"
                text += f" ({bounds.removesuffix(' %')})"
                text += "*" if row.get(NOTE) == "wide" else ""
            cells.append(text)
        body.append(cells)
    note = "<p>PIS is the drop in accuracy divided by the masked share; brackets hold 95 % intervals.</p>"
    if any(row.get(NOTE) == "wide" for row in rows):
        note += "<p>* The drop's interval spans more than ten points: too few frames to say.</p>"
    return note + table(header, body, text_columns=len(columns))


def _overrides(path: Path) -> str:
    if not path.exists():
        return ""
    overrides = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    if not overrides:
        return "<p>None: the defaults.</p>"
    return f"<pre>{escape(chr(10).join(map(str, overrides)))}</pre>"
