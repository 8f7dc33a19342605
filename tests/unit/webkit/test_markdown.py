"""The texts of docs/ as HTML."""

import pytest

from hookshop.webkit.markdown import headings, render, title_of


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A **title**", '<h1 id="a-title">A <strong>title</strong></h1>'),
        ("one\ntwo\n\nthree", "<p>one\ntwo</p>\n<p>three</p>"),
        ("```sh\na\n\n# b\n```", '<pre tabindex="0"><code>a\n\n# b\n</code></pre>'),
        ("[shop](http://shop/)", '<p><a href="http://shop/">shop</a></p>'),
        ("a < b & `<i>`", "<p>a &lt; b &amp; <code>&lt;i&gt;</code></p>"),
    ],
)
def test_markdown_becomes_html(text: str, html: str) -> None:
    assert render(text).strip() == html


def test_a_table_becomes_a_table() -> None:
    html = render("| a | `b` |\n|---|---|\n| c | d |")

    assert "<th>a</th>\n<th><code>b</code></th>" in html
    assert "<td>c</td>\n<td>d</td>" in html


def test_a_heading_has_the_anchor_that_it_has_on_github() -> None:
    html = render("## Mission 4: `Trust` nobody")

    assert html.startswith('<h2 id="mission-4-trust-nobody">')


def test_the_lines_of_a_diff_say_what_was_added_and_what_was_removed() -> None:
    html = render("```diff\n@@\n-a < b\n+a > b\n c\n```")

    assert "@@\n<del>-a &lt; b\n</del><ins>+a &gt; b\n</ins> c\n" in html


def test_html_is_left_out() -> None:
    html = render('before\n\n<picture>\n  <img src="x.png">\n</picture>\n\nafter <b>here</b>')

    assert html.split("\n") == ["<p>before</p>", "<p>after here</p>", ""]


def test_a_link_leads_where_the_page_says_and_without_a_place_only_its_words_are_left() -> None:
    places = {"python.md#begin": "/learn/teaching/python#begin"}

    html = render("[here](python.md#begin) and [`there`](../Makefile)", places.get)

    assert html.strip() == (
        '<p><a href="/learn/teaching/python#begin">here</a> and <code>there</code></p>'
    )


def test_headings_are_listed_but_not_lines_of_code_that_look_like_one() -> None:
    found = headings("# Title\n\n```sh\n# a comment\n```\n\n## A `part`")

    assert [(each.level, each.text, each.anchor) for each in found] == [
        (1, "Title", "title"),
        (2, "A part", "a-part"),
    ]


def test_a_text_without_a_heading_has_no_title() -> None:
    assert title_of("# Title\n\ntext") == "Title"
    for text in ("## Title", "text", "text\n\n# Title"):
        with pytest.raises(ValueError, match="first level"):
            title_of(text)
