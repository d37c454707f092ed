"""Report: findings for people and for programs."""
