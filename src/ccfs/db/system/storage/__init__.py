"""Locations and what is stored in them."""
