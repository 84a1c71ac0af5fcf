"""Silence and talk-over on pages of the console."""
