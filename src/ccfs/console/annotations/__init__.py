"""Annotations of recordings: adding, changing, deleting and searching them."""
