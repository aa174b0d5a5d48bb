"""What every request passes, whatever its route: limits, keys, problems, counts."""
