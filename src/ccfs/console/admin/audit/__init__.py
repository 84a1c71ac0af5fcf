"""The audit log: page, filters, sentences, export."""
