"""Adapters for frameworks with plugin interfaces."""
