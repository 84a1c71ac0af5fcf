"""File and HTTP formats: stored zips, ranges, spreadsheet-safe CSV."""
