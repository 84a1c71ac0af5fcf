"""Recognise the files and tables of switches, and choose what ingest would read of them."""
