"""Responses as values, and how they are sent."""
