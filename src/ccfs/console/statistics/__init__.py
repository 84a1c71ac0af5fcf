"""Statistics: charts over periods."""
