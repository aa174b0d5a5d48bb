"""The shapes that travel: rows of `memory` functions = JSON = OpenAPI."""
