"""Look once at every picture of a competition, and keep what was seen by the picture's content.

A survey is a folder of parts, each a Parquet file that is written whole:

    <digest>.parquet   some hundred pictures: sha256, properties, a thumbnail, keypoints

It knows nothing of recipes: one survey serves every input size. This module is what the rest of Podium uses. Behind it
``shelf`` reads and writes parts, ``filler`` decides what to look at, ``measures``, ``thumbnails`` and ``keypoints``
look. It needs neither Kedro nor torch.
"""

from podium.survey.filler import Surveyed, fill_survey
from podium.survey.measures import PROPERTIES
from podium.survey.reading import Survey

__all__ = ["PROPERTIES", "Survey", "Surveyed", "fill_survey"]
