"""Kaspa's headers and their order by GHOSTDAG."""
