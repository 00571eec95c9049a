"""report.html: self-contained, complete, and not too heavy; the package can be called and imported."""

import html.parser
import importlib
import json
import re

import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import OutputError, ParameterError
from cocycle.report.figure_parts import Figure, Panel, axis, envelope, layout, numbers, raster, stacked
from cocycle.report.page import mathematics, quantity_lines
from cocycle.report.shell import inline, paired

MOST = 6_000_000


class Reader(html.parser.HTMLParser):
    """Collect ids, addresses and the text of scripts of type JSON."""

    def __init__(self):
        super().__init__()
        self.ids, self.addresses, self.json, self._inside = [], [], {}, None

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if "id" in found:
            self.ids.append(found["id"])
        self.addresses += [found[k] for k in ("src", "href") if k in found]
        self._inside = found.get("id") if tag == "script" and found.get("type") == "application/json" else None

    def handle_data(self, data):
        if self._inside:
            self.json[self._inside] = json.loads(data)
            self._inside = None


@pytest.mark.parametrize("which", ["lorenz_report", "logistic_report", "series_report"])
def test_page_is_one_complete_file(which, request):
    found = request.getfixturevalue(which)
    page = Reader()
    page.feed(found.html)
    assert len(found.html.encode()) < MOST
    assert page.addresses == []  # nothing is loaded from anywhere
    assert len(set(page.ids)) == len(page.ids)
    assert page.json["report"] == found.json
    for key, figure in page.json["figures"].items():
        assert key in page.ids
        for panel in figure["panels"]:
            axes = [v for k, v in panel["layout"].items() if re.match("[xy]axis", k)]
            assert all(a.get("title", {}).get("text") or a.get("visible") is False for a in axes), key
    assert "viewport" in found.html
    assert "@media print" in found.html


def test_figures_of_each_kind(lorenz_report, series_report):
    def keys(found):
        page = Reader()
        page.feed(found.html)
        return set(page.json["figures"])

    assert keys(lorenz_report) >= {"portrait", "series", "convergence", "rates", "power", "correlation", "bifurcation"}
    assert keys(series_report) >= {"portrait", "series", "divergence", "correlation", "plane", "surrogates", "forecast"}


def test_no_number_of_a_figure_is_not_json(series_report):
    json.dumps([p.data for f in series_report._make_figures() for p in f.panels], allow_nan=False)


def test_names_are_escaped():
    evil = cc.Map(lambda x, a: 3.7 * x * (1 - x), x0=0.3, name="</script><b>x</b>")
    page = cc.report(evil, n_steps=500).html
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x" in page


def test_save_writes_both_and_nothing_else(tmp_path, logistic_report):
    page, document = logistic_report.save(tmp_path / "new" / "place")
    assert sorted(p.name for p in page.parent.iterdir()) == ["report.html", "report.json"]
    assert json.loads(document.read_text()) == logistic_report.json
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="in the way"):
        logistic_report.save(tmp_path / "file")


def test_notebook_frame_holds_the_page(logistic_report):
    frame = logistic_report._repr_html_()
    assert frame.startswith("<iframe srcdoc=")
    assert "chaotic" in frame
    assert "chaotic" in str(logistic_report)
    assert "logistic" in repr(logistic_report)


def test_package_is_a_module_and_a_call(logistic_report):
    package = importlib.import_module("cocycle.report")
    assert cc.report is package
    module = importlib.import_module("cocycle.report.reading")
    assert package.reading is module
    assert hasattr(type(package), "__call__")  # noqa: B004
    assert type(logistic_report) is package.Report
    assert "read" in dir(package)
    with pytest.raises(AttributeError):
        _ = package.nothing


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (3, {}, "cannot report on a int"),
        (np.arange(300.0), {"n_steps": 10}, "belong to a system"),
        ("lorenz63", {"n_steps": 10, "duration": 1.0}, "not both"),
    ],
)
def test_bad_sources(source, options, message):
    with pytest.raises(ParameterError, match=message):
        cc.report(source, **options)


def test_parts():
    assert numbers(np.arange(4).reshape(2, 2), "u1")["shape"] == "2, 2"
    np.testing.assert_allclose(stacked(2, 0.2), [[0.6, 1.0], [0.0, 0.4]])
    t, x = envelope(np.arange(1000.0), np.sin(np.arange(1000.0)), 100)
    assert len(t) <= 100
    assert x.max() == np.sin(np.arange(1000.0)).max()
    image = raster(np.zeros(3), np.zeros(3), np.array([-1.0, 1.0]), 2, (-1, 1))
    assert image["z"]["shape"] == "2, 1"
    assert str(inline("a<sub>1</sub><script>")) == "a<sub>1</sub>&lt;script&gt;"
    many = {"value": list(range(20)), "stderr": [0.1] * 20, "unit": "1", "method": ""}
    assert quantity_lines(many)[-2] == "… 13 more …"
    assert len(quantity_lines(many)) == 8


def test_lone_cards_take_the_whole_width():
    card = Panel([], layout(axis("x"), axis("y")))
    kinds = [False, False, False, True, False]
    out = paired([Figure(str(k), "", "", (card,), wide=wide) for k, wide in enumerate(kinds)])
    assert [f.wide for f in out] == [False, False, True, True, True]


def test_equations_become_mathml_where_the_converter_is():
    pytest.importorskip("latex2mathml")
    assert mathematics(r"\dot x = \sigma (y - x)")["mathml"].startswith("<math")


def test_equations_fall_back_to_latex(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    assert mathematics(r"\dot x") == {"latex": r"\dot x", "mathml": ""}
