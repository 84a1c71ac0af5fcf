"""Tables of a switch's own database: MySQL, MariaDB or PostgreSQL. They are only read.

`address`: the URL that an operator gives; `connection`: a read-only connection with time limits, and its errors;
`structure`: columns, indexes, and the column by which a table is read; `pages`: rows in the order of that column, a
bounded number at a time.
"""
