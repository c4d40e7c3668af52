"""How fast Podium is, measured against what a user would take instead."""
