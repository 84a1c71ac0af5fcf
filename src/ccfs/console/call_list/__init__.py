"""The list of calls as users arrange it: saved searches and columns."""
