"""Catalog datasets of our own, one class a file, where none existed."""
