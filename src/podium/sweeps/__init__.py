"""Sweeps: many trainings from one queue, worked off by as many machines as there are.

``config`` says what a sweep is, ``plan`` which trials it consists of, ``queue`` who trains which of them, ``lease`` how
long a worker keeps one, ``search`` what is drawn and what is ended early; ``worker`` works them off, ``process`` and
``trial`` are the two ends of a trial's own process, ``results`` and ``pictures`` tell what came out.
"""
