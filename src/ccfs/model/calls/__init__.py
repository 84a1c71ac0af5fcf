"""Calls, legs, detail records, searches and statistics of them."""
