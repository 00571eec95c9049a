"""What every page shares: style, figures, script; one file that works offline, on a phone and on paper."""

import dataclasses
import functools
import json
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from cocycle.report.figure_parts import Figure, Panel

FOLDER = pathlib.Path(__file__).parent


def render_shell(
    template: str,
    document: Any,
    figures: Sequence[Figure],
    *,
    title: str,
    folder: pathlib.Path | None = None,
    download: str = "report.json",
    **context: Any,
) -> str:
    """Render a template that extends `shell.html.j2`.

    Args:
        template: file name; its blocks are `title`, `eyebrow`, `about`, `body`, `figures` and `made`.
        document: what the page says, as JSON can hold it; the page carries it for saving.
        figures: cards, in their order.
        title: heading.
        folder: where the template lies; default beside the shell.
        download: file name under which a reader saves the document.
        **context: names for the template.

    Returns:
        The page.
    """
    from plotly.offline import get_plotlyjs

    figures = paired(figures)
    return (
        _environment(folder or FOLDER)
        .get_template(template)
        .render(
            document=document,
            title=title,
            figures=figures,
            figure_json=_script_json({f.key: _plots(f) for f in figures}),
            document_json=_script_json(document),
            style=(FOLDER / "page.css").read_text("utf-8"),
            script=(FOLDER / "page.js").read_text("utf-8"),
            plotly=get_plotlyjs().replace("</script", "<\\/script"),
            download=download,
            **context,
        )
    )


def paired(figures: Sequence[Figure]) -> list[Figure]:
    """Give the whole width to each narrow card that has no narrow neighbour to stand beside.

    Args:
        figures: cards, in their order.

    Returns:
        The same cards, some of them wide.
    """
    out: list[Figure] = []
    waiting = False
    for figure in figures:
        if figure.wide and waiting:
            out[-1] = dataclasses.replace(out[-1], wide=True)
        waiting = not figure.wide and not waiting
        out.append(figure)
    if waiting:
        out[-1] = dataclasses.replace(out[-1], wide=True)
    return out


@functools.cache
def _environment(folder: pathlib.Path) -> Any:
    import jinja2

    loader = jinja2.FileSystemLoader([folder, FOLDER])
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["inline"] = inline
    return environment


def _plots(figure: Figure) -> dict[str, Any]:
    def plot(panel: Panel) -> dict[str, Any]:
        return {"data": panel.data, "layout": panel.layout, "height": panel.height}

    extra = None if figure.extra is None else plot(figure.extra)
    return {"panels": [plot(p) for p in figure.panels], "extra": extra}


def _script_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def inline(text: str) -> Any:
    """Escape a caption, but for the sub- and superscripts that it may hold.

    Args:
        text: caption.

    Example:
        >>> str(inline("λ<sub>1</sub> < 2"))
        'λ<sub>1</sub> &lt; 2'
    """
    import markupsafe

    escaped = str(markupsafe.escape(text))
    return markupsafe.Markup(re.sub(r"&lt;(/?su[bp])&gt;", r"<\1>", escaped))
