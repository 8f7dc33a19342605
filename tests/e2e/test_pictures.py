"""The pictures of missions: every label is inside the picture, and crosses no edge of a box."""

from pathlib import Path

from jinja2 import Environment
from playwright.sync_api import Page

PICTURES = Path(__file__).parents[2] / "templates" / "subscriber" / "missions" / "pictures"
# A box of a text is higher than its letters: 4 units above and below may overlap.
BADLY_PLACED = """
(picture) => {
  const main = document.querySelector("main");
  main.innerHTML = picture;
  const svg = main.querySelector("svg");
  const { width, height } = svg.viewBox.baseVal;
  const labels = [...svg.querySelectorAll("text")];
  const frames = [...svg.querySelectorAll("rect"), ...labels];
  const ends = (element) => {
    const { x, y, width, height } = element.getBBox();
    return { left: x, right: x + width, top: y, bottom: y + height };
  };
  const isInside = (a, b) =>
    a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom;
  const isApart = (a, b) =>
    a.right <= b.left || a.left >= b.right || a.bottom - 4 <= b.top || a.top + 4 >= b.bottom;
  return labels.filter((label) => {
    const own = ends(label);
    return !isInside(own, { left: 0, right: width, top: 0, bottom: height })
      || frames.some((each) => each !== label
        && !isInside(own, ends(each)) && !isApart(own, ends(each)));
  }).map((label) => label.textContent);
}
"""


def test_no_label_of_a_picture_is_cut_off_or_crosses_an_edge(
    page: Page, subscriber_url: str
) -> None:
    page.goto(f"{subscriber_url}/missions/1")

    found = {
        each.name: page.evaluate(BADLY_PLACED, Environment().from_string(each.read_text()).render())
        for each in sorted(PICTURES.glob("*.html"))
    }

    assert len(found) > 5
    assert {name: labels for name, labels in found.items() if labels} == {}
