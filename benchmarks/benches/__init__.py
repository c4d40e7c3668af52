"""One module a bench: what it measures (``define``), and the commands of its contenders (``main``)."""
