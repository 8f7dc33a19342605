"""The handouts as HTML."""

import pytest

from hookshop.webkit.simple_markdown import render, title_of


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A **title**", "<h1>A <strong>title</strong></h1>"),
        ("one\ntwo\n\nthree", "<p>one\ntwo</p>\n<p>three</p>"),
        ("- one\n  more\n- two", "<ul><li>one\nmore</li><li>two</li></ul>"),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        (
            "| a | `b` |\n|---|---|\n| c | d |",
            "<table><tr><th>a</th><th><code>b</code></th></tr><tr><td>c</td><td>d</td></tr></table>",
        ),
        ("```sh\na\n\n# b\n```", '<pre tabindex="0"><code>a\n\n# b\n</code></pre>'),
        ("[shop](http://shop/)", '<p><a href="http://shop/">shop</a></p>'),
        ("**the `id`**", "<p><strong>the <code>id</code></strong></p>"),
        ("a < b & `<i>`", "<p>a &lt; b &amp; <code>&lt;i&gt;</code></p>"),
    ],
)
def test_markdown_becomes_html(text: str, html: str) -> None:
    assert render(text) == html


def test_a_text_without_a_heading_has_no_title() -> None:
    assert title_of("# Title\n\ntext") == "Title"
    with pytest.raises(ValueError, match="first level"):
        title_of("## Title")
