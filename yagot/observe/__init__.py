"""Observe: windows around tests, boundaries between them, repetitions."""
