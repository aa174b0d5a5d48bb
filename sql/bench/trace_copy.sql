copy request (object, at, size) from stdin with (format binary)
