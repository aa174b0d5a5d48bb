"""Text to vectors: the port, its providers, the cache before them and the batcher around them.

``factory.make_embedder`` turns settings into an ``Embedder``; ``CachedEmbedder`` wraps it;
``MicroBatcher`` lets the asynchronous service share it. Importing this package loads no model.
"""
