"""The commands of ``yagot``, one module each."""
