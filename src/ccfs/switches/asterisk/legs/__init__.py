"""Legs of Asterisk's calls: built from CDR lines, joined to calls, and corrected by channel events."""
