"""Recordings: storing files from a switch's folder, and adding them to the recording index."""
