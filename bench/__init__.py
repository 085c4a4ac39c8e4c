"""Measures: run by hand or by `make bench…`, never a test."""
