"""Charts as pictures."""

import io
import warnings

from matplotlib.figure import Figure


def render(figure: Figure) -> list[str]:
    """Draw a figure and return the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(io.BytesIO(), format="png", dpi=40)
    return [str(warning.message) for warning in caught]
