"""Follow a source file through rotations: find, recognise and miss the files that were rotated from it."""
