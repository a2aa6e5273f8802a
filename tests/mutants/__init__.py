"""Defences taken out one by one; each must be missed by a test (``make mutants``)."""
