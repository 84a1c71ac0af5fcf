"""Follow a source file through rotations: find, recognise and report the files that were rotated from it."""
