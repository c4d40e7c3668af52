"""Which versions of a backup are kept."""

from collections.abc import Iterable

from podium.backup.manifest import read_time


def choose_kept(names: Iterable[str], keep_last: int, keep_days: int) -> set[str]:
    """Choose the manifests that stay: the newest ones, and the last of each of the newest days that have any.

    Args:
        names: Of manifests.
        keep_last: So many newest.
        keep_days: So many days, in UTC.
    """
    ordered = sorted(names)
    last_of_day = {read_time(name).date(): name for name in ordered}
    days = sorted(last_of_day)[-keep_days:] if keep_days else []
    return {*ordered[-keep_last:], *(last_of_day[day] for day in days)}
