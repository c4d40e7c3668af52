"""Cartoon people for the embedded demo competition: who they are, how they are drawn, how they are photographed."""
