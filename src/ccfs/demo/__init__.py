"""Demo data: a simulated switch and its spoken calls."""
