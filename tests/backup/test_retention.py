"""The newest versions stay, and one of each day."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from podium.backup.manifest import name_manifest
from podium.backup.retention import choose_kept

TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 20), timezones=st.just(UTC))


def name(day: int, hour: int) -> str:
    return name_manifest(b"x", datetime(2026, 1, day, hour, tzinfo=UTC), None)


def test_last_ones_and_the_last_of_each_day_stay() -> None:
    names = [name(1, 8), name(1, 20), name(2, 8), name(5, 8), name(5, 9), name(5, 10), name(5, 11)]
    assert choose_kept(names, keep_last=2, keep_days=0) == {name(5, 10), name(5, 11)}
    assert choose_kept(names, keep_last=2, keep_days=2) == {name(5, 10), name(5, 11), name(2, 8)}
    assert choose_kept(names, keep_last=1, keep_days=9) == {name(5, 11), name(2, 8), name(1, 20)}


@given(st.lists(TIMES, min_size=1, max_size=30, unique=True), st.integers(1, 5), st.integers(0, 5))
def test_newest_always_stays_and_what_is_dropped_once_never_is_wanted_later(
    times: list[datetime], keep_last: int, keep_days: int
) -> None:
    names = sorted(name_manifest(b"x", time, None) for time in times)
    at_once = choose_kept(names, keep_last, keep_days)
    kept: set[str] = set()
    for new in names:  # as it goes on: one more version, then the others go
        kept = choose_kept(kept | {new}, keep_last, keep_days)
        assert new in kept
    assert kept == at_once
