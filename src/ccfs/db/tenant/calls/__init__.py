"""Rows of calls: CDRs, queue visits, agent operations, statistics, and queries of them."""
