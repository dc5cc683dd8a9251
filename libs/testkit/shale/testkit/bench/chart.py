"""The comparison as a picture: plain SVG from the figures, one row for each packer; it heeds light and dark.

A quoted row is pale and says so; what was not measured has no bar.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

import msgspec

WIDTH, LEFT, TOP, ROW, BAR = 880, 168, 84, 30, 16
GAP, LABEL = 26, 64
"""Pixels between two panels, and right of a bar for its figure."""

STYLE = """
text{font:13px -apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}
.title{font-size:15px;font-weight:600}.head{font-weight:600}.note,.value{fill:#59636e;font-size:12px}
.bar{fill:#b6bec8}.ours{fill:#0f7b6c}.quoted{fill:#b6bec8;fill-opacity:.45}.axis{stroke:#d1d9e0}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.note,.value{fill:#9198a1}
.bar{fill:#57606a}.ours{fill:#3fb8a4}.quoted{fill:#57606a;fill-opacity:.5}.axis{stroke:#3d444d}}
"""


class Row(msgspec.Struct, frozen=True):
    """One packer: times as long as ours, MB of memory, MB written to the local disk; None: not known."""

    name: str
    ratio: float | None
    memory: float | None
    disk: float | None
    kind: str = "bar"


PANELS: tuple[tuple[str, str, str], ...] = (
    ("time, as a multiple of Shale's", "ratio", "{:.1f}\u00d7"),
    ("peak memory, MB", "memory", "{:,.0f}"),
    ("written to local disk, MB", "disk", "{:,.0f}"),
)


def rows(found: Mapping[str, Any]) -> list[Row]:
    """Return the rows of what the bench `peers` printed: ours first, then from the fastest to the slowest."""
    ours = found["shale"]
    first = Row("Shale", 1.0, _median(ours, "peak_rss_mb"), _median(ours, "written_to_disk_mb"), "ours")
    others = [_row(name, one) for name, one in found["peers"].items()]
    return [first, *sorted(others, key=lambda row: (row.ratio is None, row.ratio or 0.0))]


def _row(name: str, one: Mapping[str, Any]) -> Row:
    if "not_measured" in one:
        return Row(name, None, None, None)
    memory = one["peak_rss_mb"] if name == "kaniko" else _median(one, "peak_rss_mb")
    kind = "quoted" if name == "kaniko" else "bar"
    disk = _median(one, "written_to_disk_mb") if "written_to_disk_mb" in one else None
    return Row(name, one["ratio_wall"]["median"], memory, disk, kind)


def _median(one: Mapping[str, Any], name: str) -> float:
    return float(one[name]["median"])


def draw(found: Mapping[str, Any]) -> str:
    """Return the picture of what the bench `peers` printed."""
    many = rows(found)
    height = TOP + ROW * len(many) + 34
    panel = (WIDTH - LEFT - GAP * (len(PANELS) - 1)) / len(PANELS)
    size, registry = found["model_mb"], found["programs"].get("docker-registry", {})
    what = f"A first push of {size / 1000:.1f} GB of bf16 weights"
    where = f"registry on the same two cores (docker-registry {registry.get('version', '')}, {registry.get('go', '')})"
    said = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(what)}</title>",
        f"<style>{STYLE}</style>",
        _text(0, 20, what, "title"),
        _text(0, 40, f"{where}; medians of {found['n']} pairs; lower is better", "note"),
    ]
    for number, row in enumerate(many):
        name = f"{row.name} (quoted)" if row.kind == "quoted" else row.name
        said.append(_text(0, TOP + ROW * number + BAR - 3, name, "head" if row.kind == "ours" else ""))
    for number, (title, field, spell) in enumerate(PANELS):
        left = LEFT + number * (panel + GAP)
        values = [getattr(row, field) for row in many]
        said.append(_text(left, TOP - 14, title, "head"))
        said += _bars(many, values, left, panel - LABEL, spell)
    quoted = "; kaniko as measured once with 2.1 GB" if any(row.kind == "quoted" for row in many) else ""
    whence = f"From tests/bench/packing.json, by python3 run.py bench packing{quoted}"
    said.append(_text(0, height - 8, whence, "note"))
    return "\n".join([*said, "</svg>"]) + "\n"


def _bars(many: Sequence[Row], values: Sequence[float | None], left: float, room: float, spell: str) -> list[str]:
    most = max((value for value in values if value is not None), default=0.0) or 1.0
    bottom = TOP + ROW * len(many) - ROW + BAR + 4
    said = [f'<line class="axis" x1="{left:.1f}" y1="{TOP - 4}" x2="{left:.1f}" y2="{bottom}"/>']
    for number, (row, value) in enumerate(zip(many, values, strict=True)):
        top = TOP + ROW * number
        if value is None:
            said.append(_text(left + 6, top + BAR - 4, "not known" if row.ratio else "not measured", "value"))
            continue
        length = max(1.0, room * value / most)
        said.append(f'<rect class="{row.kind}" x="{left:.1f}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2"/>')
        said.append(_text(left + length + 6, top + BAR - 4, spell.format(value), "value"))
    return said


def _text(x: float, y: float, text: str, kind: str) -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}>{escape(text)}</text>'
