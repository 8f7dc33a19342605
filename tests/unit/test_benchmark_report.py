from benchmarks.report import Comparison, Figure, Report, percentile


def report(*, at_least: float) -> Report:
    mine = Figure("mine", "/s", [200, 900, 300], (Comparison("theirs", at_least=at_least),))
    return Report("A run_rounds", [mine, Figure("theirs", "/s", [100, 100, 100])])


def test_a_percentile_is_the_sample_at_its_rank() -> None:
    samples = list(range(100, 0, -1))

    assert [percentile(samples, percent) for percent in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7.5], 99) == 7.5
    assert percentile([3, 1, 2], 50) == 2


def test_figures_are_compared_within_their_round() -> None:
    noisy = Figure("noisy", "/s", [100, 10, 1000], (Comparison("baseline"),))
    baseline = Figure("baseline", "/s", [50, 5, 500])

    ratio = Report("", [noisy, baseline]).ratio(noisy, noisy.comparisons[0])

    assert ratio == 2


def test_a_figure_is_the_median_of_its_rounds() -> None:
    assert report(at_least=1).figures[0].value == 300


def test_the_table_shows_missed_targets() -> None:
    assert "3.00 × theirs; at least 2: yes" in "\n".join(report(at_least=2).as_table())
    assert "3.00 × theirs; at least 4: NO" in "\n".join(report(at_least=4).as_table())


def test_a_missing_baseline_is_left_out() -> None:
    alone = Report("", [Figure("mine", "/s", [1], (Comparison("theirs", at_least=2),))])

    assert "theirs" not in "\n".join(alone.as_table())
    assert alone.as_document()["figures"][0]["compared"] == []


def test_the_document_has_every_sample_and_the_reached_targets() -> None:
    [mine, theirs] = report(at_least=4).as_document()["figures"]

    assert mine["samples"] == [200, 900, 300]
    assert mine["compared"] == [
        {"against": "theirs", "ratio": 3, "at_least": 4, "at_most": None, "reached": False}
    ]
    assert theirs["median"] == 100
