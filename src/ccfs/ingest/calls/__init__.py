"""Calls: from legs, queue visits and agent events of a switch to rows."""
