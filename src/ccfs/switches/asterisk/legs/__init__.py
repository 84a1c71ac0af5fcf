"""Legs of Asterisk's calls: built from CDR lines, joined to calls, corrected by channel events."""
