"""What ``report.html`` is put together from: its frame, its look and its tables."""

import math
from collections.abc import Iterable
from html import escape
from itertools import count

DASH = "\N{EN DASH}"

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
h3 { font-size: 1rem; margin: 1.75rem 0 .5rem; }
p { color: var(--muted); }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .3rem .9rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th, td.text + td.text { white-space: normal; }
th { vertical-align: bottom; }
th { color: var(--muted); font-weight: 600; }
tbody tr:nth-child(even) { background: var(--soft); }
.text { text-align: left; }
figure { margin: 0 0 2rem; padding: .75rem; background: #ffffff;
  border: 1px solid var(--line); border-radius: 8px; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { color: #5d6573; font-size: .9rem; margin-top: .5rem; }
.answers { font-size: 1.06rem; padding-left: 1.2rem; }
.answers li { margin: .45rem 0; }
.zoom { display: block; position: relative; cursor: zoom-in; }
.zoom input { position: absolute; opacity: 0; width: 1px; height: 1px; margin: 0; }
.sheet { display: block; overflow-x: auto; }
.zoom input:focus-visible + .sheet { outline: 3px solid #0072b2; outline-offset: 2px; }
.zoom input:checked + .sheet { position: fixed; inset: 0; z-index: 9; overflow: auto; padding: 1rem;
  background: #ffffff; cursor: zoom-out; }
.zoom input:checked + .sheet img { max-width: none; width: max(var(--w), 100vw - 3rem); }
/* On a phone a figure scrolls in its frame: at less than .6 of its size its text can't be read. */
@media (max-width: 45rem) { .sheet img { max-width: none; width: max(min(var(--w), 40rem), .6 * var(--w)); } }
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
