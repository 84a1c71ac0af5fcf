"""Calls: turning a switch's legs, queue visits and agent events into rows."""
