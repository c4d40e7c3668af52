"""Choosing, weighing and judging ensembles: plain numpy, no Kedro."""
