"""Plain output: tables."""

from collections.abc import Sequence

import click


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns that are as wide as their longest text."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = (f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
