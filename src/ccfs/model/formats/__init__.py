"""File and HTTP formats: uncompressed zips, ranges, spreadsheet-safe CSV."""
