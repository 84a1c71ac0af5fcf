"""The CC-FS protocol: signatures, requests, responses, error codes, file names and callbacks. Pure functions."""
