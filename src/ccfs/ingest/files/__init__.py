"""Reading files at constant memory: folders, text files that grow and rotate, files that are damaged."""
