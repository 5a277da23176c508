import io
from collections.abc import Iterator

import pytest

from inklings import progress


@pytest.fixture(autouse=True)
def _loud() -> Iterator[None]:
    progress.silence(False)
    yield
    progress.silence(False)


def test_items_come_through_unchanged_on_a_log_and_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert list(progress.track([3, 1, 2], "items")) == [3, 1, 2]
    screen = io.StringIO()
    screen.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", screen)
    assert list(progress.track(iter("ab"), "items", total=2)) == ["a", "b"]


def test_a_log_gets_a_line_every_ten_seconds_with_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 6.0, 12.0, 18.0, 24.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    list(progress.track(range(4), "cases"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["cases: 2 of 4, 12 s left", "cases: 4 of 4, 0 s left"]


def test_what_went_by_in_no_time_after_an_interruption_is_not_what_an_estimate_is_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, *[0.0] * 60, *range(10, 410, 10)])
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    list(progress.track(range(100), "cases"))
    assert "cases: 80 of 100, 200 s left" in capsys.readouterr().err.splitlines()


def test_quiet_says_nothing_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    progress.silence(True)
    progress.note("hidden")
    assert list(progress.track(range(3), "items")) == [0, 1, 2]
    assert progress.is_silent()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("before", [True, False])
def test_silence_ends_with_what_was_to_be_silent_whatever_became_of_it(before: bool) -> None:
    progress.silence(before)

    @progress.silenced()
    def fails() -> None:
        assert progress.is_silent()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert progress.is_silent() == before


def test_notes_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    progress.note("two cases were skipped")
    assert capsys.readouterr() == ("", "two cases were skipped\n")
