"""A workspace mirrored to another machine while it is worked in, and brought back from there.

Plain Python beside Kedro. ``mirror`` is what is done in the background, ``restoring`` the way back; ``process`` lets a
run have the first without feeling it.
"""
