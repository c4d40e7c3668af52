"""Podium: from the organisers' folder of an image-classification competition to an ensemble submission."""

from podium.quiet import silence_libraries
from podium.threads import let_idle_threads_sleep

__version__ = "0.1.0"

# Both speak through the environment, which libraries read once, when they are imported: so this comes first.
silence_libraries()
let_idle_threads_sleep()
