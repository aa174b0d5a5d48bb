"""From settings to an embedder: the one place that knows every provider by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.core.errors import ConfigError

if TYPE_CHECKING:
    from service.core.embedding.port import Embedder
    from service.core.settings import EmbeddingSettings


def make_embedder(settings: EmbeddingSettings) -> Embedder | None:
    """The embedder the settings ask for; None for the provider ``none`` (words only).

    Raises:
        ConfigError: the settings contradict themselves or the model.
        EmbeddingError: the provider is missing or cannot start.
    """
    embedder = _load(settings)
    if embedder is not None and settings.dim not in {None, embedder.dim}:
        found = embedder.dim
        embedder.close()
        raise ConfigError(
            f"The embedding provider {settings.provider} has another dimension than the settings.",
            detail=f"dim is {settings.dim} in the settings, {found} in the model.",
            hint=f"set MAGRAY_EMBEDDING__DIM={found}, or leave it out",
        )
    return embedder


def _load(settings: EmbeddingSettings) -> Embedder | None:
    """Each provider is imported only when chosen: onnxruntime alone costs 0.2 s and 40 MB."""
    threads, batch_size = settings.threads, settings.batch_size
    match settings.provider:
        case "none":
            return None
        case "minilm":
            from service.core.embedding.minilm import load_minilm

            return load_minilm(threads=threads, batch_size=batch_size)
        case "e5":
            from service.core.embedding.e5 import E5Embedder

            return E5Embedder(threads=threads)
        case "onnx":
            from service.core.embedding.onnx import load_onnx_folder

            if settings.path is None:
                raise _missing("onnx", "path", "the folder of model.onnx and tokenizer.json")
            return load_onnx_folder(settings.path, threads=threads, batch_size=batch_size)
        case "openai":
            from service.core.embedding.openai import OpenAIEmbedder

            if not settings.model:
                raise _missing("openai", "model", "the model's name, text-embedding-3-small say")
            return OpenAIEmbedder(
                settings.model,
                url=settings.url,
                api_key_file=settings.api_key_file,
                dim=settings.dim,
                batch_size=batch_size,
            )
        case _:
            raise ConfigError(
                "There is no such embedding provider.",
                detail=f"provider = {settings.provider!r}",
                hint="set MAGRAY_EMBEDDING__PROVIDER to minilm, e5, onnx, openai or none",
            )


def _missing(provider: str, name: str, what: str) -> ConfigError:
    return ConfigError(
        f"The embedding provider {provider} needs the setting {name}.",
        detail=f"{name}: {what}.",
        hint=f"set MAGRAY_EMBEDDING__{name.upper()}, or {name} under [embedding] in magray.toml",
    )
