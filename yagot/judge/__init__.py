"""Judge: which findings count."""
