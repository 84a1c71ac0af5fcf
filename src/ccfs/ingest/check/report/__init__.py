"""The report of a dry run, in words for an operator."""
