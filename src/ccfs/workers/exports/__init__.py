"""Export jobs, which write CSV files to a zip."""
