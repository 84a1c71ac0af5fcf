"""Recordings: from files in a switch's folder to blobs and rows of the recording index."""
