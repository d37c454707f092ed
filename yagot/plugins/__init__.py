"""Adapters: each translates the hooks of one framework into the calls of yagot.observe.checker."""
