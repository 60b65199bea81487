"""Distributions of routes, and their kernels."""
