"""Workers that send scheduled reports."""
