"""Calls, legs and CDRs, call searches and statistics."""
