"""Rows of calls: CDRs, queue visits, agent operations and statistics, and queries on them."""
