"""Podium: from the organisers' folder of an image-classification competition to an ensemble submission."""

from podium.quiet import silence_libraries

__version__ = "0.1.0"

silence_libraries()
