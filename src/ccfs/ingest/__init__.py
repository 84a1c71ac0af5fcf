"""Ingest: taking in what a switch left. Bytes go to their location first, then rows and cursor in one transaction.

A second run changes nothing: lines are known by their digest, files by path, size and time. What is refused is a row with
a reason. One file per visitor: asterisk, freeswitch, ccfs; what they share stands beside them.
"""
