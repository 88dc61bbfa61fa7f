"""Charts: where their points are, what they say, and nothing of data as markup."""

import re
from xml.etree import ElementTree

import pytest

from catalog.admin.charts import Bar, Line, _scale, interval_bars, line_chart


def svg(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(re.search(r"<svg.*</svg>", drawn, re.DOTALL)[0])  # noqa: S314 - ours


def points(drawn: str) -> list[list[tuple[float, float]]]:
    return [
        [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
        for line in svg(drawn).iter("polyline")
    ]


def test_points_are_where_the_values_are():
    drawn = line_chart("Events", ["a", "b", "c"], [Line("view", [0, 5, 10])])
    assert points(drawn) == [[(52.0, 196.0), (334.0, 104.0), (616.0, 12.0)]]
    texts = [text.text for text in svg(drawn).iter("text")]
    assert texts == ["0.0", "2.5", "5.0", "7.5", "10.0", "a", "b", "c"]


def test_a_gap_breaks_the_line_and_a_single_place_is_a_dot():
    drawn = line_chart(
        "CTR", list("abcde"), [Line("home", [0.1, 0.2, None, 0.2, None])], percent=True
    )
    assert [len(piece) for piece in points(drawn)] == [2, 2]
    assert points(drawn)[1][0] == points(drawn)[1][1]
    assert drawn.count('class="triad-dot"') == 1


def test_figures_are_in_a_table_the_latest_first():
    drawn = line_chart("CTR", ["mon", "tue"], [Line("home", [0.125, None])], percent=True)
    cells = re.findall(r'<th scope="row">(\w+)</th><td>(.*?)</td>', drawn)
    assert cells == [("tue", "–"), ("mon", "12.50%")]


def test_without_anything_it_says_so():
    assert "Nothing yet." in line_chart("CTR", ["a"], [Line("home", [None])])
    assert "<svg" not in line_chart("CTR", [], [])


@pytest.mark.parametrize(
    ("highest", "step", "top"),
    [
        (0, 1, 1),
        (1, 0.25, 1),
        (4, 1, 4),
        (7, 2, 8),
        (10, 2.5, 10),
        (99, 25, 100),
        (101, 50, 150),
        (0.031, 0.01, 0.04),
    ],
)
def test_ticks_are_round(highest, step, top):
    assert _scale(highest) == pytest.approx((step, top))


def test_names_are_text():
    evil = '"><script>alert(1)</script>'
    drawn = line_chart(evil, [evil], [Line(evil, [1.0]), Line("b", [2.0])], note=evil)
    drawn += interval_bars(evil, [Bar(evil, 0.5, 0.4, 0.6, evil)], note=evil)
    assert "<script" not in drawn


def test_bars_and_whiskers():
    drawn = interval_bars(
        "rate", [Bar("control", 0.1, 0.05, 0.15, "10%"), Bar("new", 0.2, None, None, "20%")]
    )
    bars = [(float(r.get("x")), float(r.get("width"))) for r in svg(drawn).iter("rect")]
    assert bars == [(150.0, 233.0), (150.0, 466.0)]
    assert [path.get("d")[:13] for path in svg(drawn).iter("path")] == ["M266.5 15H499"]
    assert "control 10%; new 20%;" in drawn


def test_below_zero_is_left_of_the_axis():
    drawn = interval_bars("difference", [Bar("new", -0.1, -0.2, 0.2, "-10%")])
    axis = float(svg(drawn).find("line").get("x1"))
    bar = svg(drawn).find(".//rect")
    assert float(bar.get("x")) + float(bar.get("width")) == axis == 383.0
    assert interval_bars("none", []).strip() == ""
