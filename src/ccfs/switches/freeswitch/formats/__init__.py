"""Formats of FreeSWITCH's CDRs: CSV lines, JSON and XML documents, rows of tables. All become channel variables."""
