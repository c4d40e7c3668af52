"""Everything that touches pixels or networks: plain NumPy, torch and Lightning, usable without Kedro."""
