"""Locations keep bytes: one small port (port.py) and its makers. Rows are not their business."""
