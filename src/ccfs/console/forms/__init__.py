"""Forms of the console: parsing, CSRF tokens, state of rejected forms, questions, notes to the next page."""
