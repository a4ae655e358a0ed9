"""Normalization in NumPy alone: pure functions, gradients by hand."""
