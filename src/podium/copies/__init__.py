"""Pictures that show the same, and the proof that no split tears them apart."""
