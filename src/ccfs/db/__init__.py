"""Keeping: rows (one file per noun, every public function takes the app first) and bytes (locations)."""
