"""Files to read from: plain, packed or standard input, line by line, faults with their place."""
