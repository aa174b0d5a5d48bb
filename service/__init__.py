"""The service: HTTP and command line over the functions of schema `memory`."""
