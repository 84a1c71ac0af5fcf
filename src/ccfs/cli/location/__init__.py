"""ccfs location: add, list, drain and remove storage locations; move files between them."""
