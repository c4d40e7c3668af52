"""A finished model in one folder: weights, preparation, decision and code, which serves without this checkout."""
