"""Podium: from the organisers' folder of an image-classification competition to an ensemble submission."""

__version__ = "0.1.0"
