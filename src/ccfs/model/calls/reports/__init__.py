"""Figures of a period, and reports of them."""
