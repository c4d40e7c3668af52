"""One error for everything a user can mend: it lists every case at once and says what would be right."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class InputError(ValueError):
    """Input that a user has to mend before the run can go on.

    Attributes:
        cases: One line a case, each naming its file or key, the value, and what would be right.
    """

    def __init__(self, heading: str, cases: Iterable[str]):
        self.heading = heading
        self.cases = list(cases)
        super().__init__("\n".join([heading, *(f"  - {case}" for case in self.cases)]))

    def __reduce__(self) -> tuple[type["InputError"], tuple[str, list[str]]]:
        """Keep both parts when the error crosses a process border."""
        return type(self), (self.heading, self.cases)


def raise_if_any(heading: str, cases: Sequence[str]) -> None:
    """Raise one :class:`InputError` for all ``cases``; do nothing when there are none."""
    if cases:
        raise InputError(heading, cases)


def suggest(name: str, allowed: Iterable[str]) -> str:
    """Say which allowed name is meant: ``did you mean 'baseline'?``, or list them all when none is near."""
    allowed = sorted(map(str, allowed))
    near = get_close_matches(str(name), allowed, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else f"allowed: {', '.join(allowed)}"
