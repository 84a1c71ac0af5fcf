"""Export jobs: CSV files in a zip."""
