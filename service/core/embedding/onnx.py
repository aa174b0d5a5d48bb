"""Any ONNX sentence-embedding model from a folder, as sentence-transformers lays it out.

``model.onnx`` (or ``onnx/model.onnx``) and ``tokenizer.json`` are needed. Read when there:
``sentence_bert_config.json`` and ``tokenizer_config.json`` (longest text),
``1_Pooling/config.json`` (mean or first token), ``config_sentence_transformers.json`` (prefixes).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from service.core.embedding.sentence import OnnxEmbedder, SentenceModel
from service.core.errors import EmbeddingError

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_TOKENS = 256
# Attention grows with the square of the length: 512 tokens is where memory stays modest.
MOST_TOKENS = 512


def load_onnx_folder(folder: Path, *, threads: int = 1, batch_size: int = 32) -> OnnxEmbedder:
    """Load the model of a folder; its id is the folder's name and the start of its sha256.

    Raises:
        EmbeddingError: the folder lacks a file, or a file cannot be used.
    """
    folder = folder.expanduser().resolve()
    tokenizer = folder / "tokenizer.json"
    model = next(
        (p for p in (folder / "model.onnx", folder / "onnx" / "model.onnx") if p.is_file()), None
    )
    if model is None or not tokenizer.is_file():
        raise EmbeddingError(
            f"The folder {folder} holds no ONNX embedding model.",
            detail=f"Missing: {'model.onnx' if model is None else 'tokenizer.json'}.",
            hint=f"optimum-cli export onnx --task feature-extraction --model NAME {folder}",
        )
    spec = SentenceModel(
        model_id=f"{folder.name}-{_digest(model)[:12]}",
        max_tokens=_max_tokens(folder),
        pooling=_pooling(folder),
        query_prefix=_prompt(folder, "query"),
        document_prefix=_prompt(folder, "document", "passage"),
    )
    return OnnxEmbedder(model, tokenizer.read_bytes(), spec, threads=threads, batch_size=batch_size)


def _digest(model: Path) -> str:
    """sha256 over the model, and over the weights beside it where the graph has them outside."""
    digest = hashlib.sha256()
    for part in [model, *sorted(model.parent.glob(f"{model.name}?data*"))]:
        with part.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _max_tokens(folder: Path) -> int:
    lengths = (
        _config(folder, "sentence_bert_config.json").get("max_seq_length"),
        _config(folder, "tokenizer_config.json").get("model_max_length"),
    )
    # Some tokenizers state 1e30 for "no limit"; that is no length of the model's.
    given = (n for n in lengths if isinstance(n, int) and 2 < n < 1_000_000)
    return min(next(given, DEFAULT_TOKENS), MOST_TOKENS)


def _pooling(folder: Path) -> Literal["mean", "cls"]:
    config = _config(folder, "1_Pooling/config.json")
    if config.get("pooling_mode_cls_token"):
        return "cls"
    if config.get("pooling_mode_mean_tokens", True):
        return "mean"
    raise EmbeddingError(
        f"The model in {folder} is pooled in a way this service does not know.",
        detail="1_Pooling/config.json asks for neither mean nor first-token pooling.",
        hint="export the model with its pooling inside, as the output sentence_embedding",
    )


def _prompt(folder: Path, *names: str) -> str:
    prompts = _config(folder, "config_sentence_transformers.json").get("prompts") or {}
    return next((str(prompts[name]) for name in names if prompts.get(name)), "")


def _config(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise EmbeddingError(
            f"The model's file {path} is not a JSON object.",
            detail=str(error),
            hint=f"python -m json.tool {path}",
        ) from error
