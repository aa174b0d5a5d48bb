"""The one implementation of ONNX sentence embedding: tokenize, run, pool, normalise."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from tokenizers import Tokenizer

from service.core.embedding.vectors import clean_text, unit_rows
from service.core.errors import EmbeddingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from service.core.embedding.port import Vectors

# Padded tokens in one run. Measured on MiniLM int8, one thread, chat turns 32 at a time: 101 a
# second with 256, 77 with 1,024, 45 with 4,096, and 32 texts of 256 tokens cost 79 ms each
# instead of 136, 290 MB of process instead of 1,020: the activations of a small run stay in
# the processor's cache and little of it is padding. Results are the same to the bit.
TOKENS_PER_RUN = 256

# WordPiece turns a word of more than 100 characters into one unknown token, so no token of a
# text that means something needs more; tokenizing a megabyte to keep 256 tokens takes 0.5 s.
CHARS_PER_TOKEN = 100

if os.environ.get("ORT_DISABLE_TELEMETRY") == "1":
    # Who loaded it before this package did (see service/__init__.py) has its events stopped here.
    ort.disable_telemetry_events()

_INTEGERS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_KNOWN_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}


@dataclass(frozen=True, slots=True)
class SentenceModel:
    """How a model wants its text, and how its output becomes one vector.

    Attributes:
        model_id: the id stored with every vector.
        max_tokens: longer texts are cut, special tokens included.
        pooling: mean of the token vectors, or the first token's.
        query_prefix: text before every query ("query: " for the E5 family).
        document_prefix: text before every document.
    """

    model_id: str
    max_tokens: int = 256
    pooling: Literal["mean", "cls"] = "mean"
    query_prefix: str = ""
    document_prefix: str = ""


class OnnxEmbedder:
    """An ``Embedder`` over an ONNX graph and a ``tokenizer.json``.

    Args:
        model: the graph's bytes, or its path when its weights lie in files beside it.
        tokenizer: the bytes of ``tokenizer.json``.
        spec: lengths, pooling, prefixes and the model id.
        threads: processor threads of one run.
        batch_size: most texts in one run; ``TOKENS_PER_RUN`` bounds it too.

    Raises:
        EmbeddingError: the graph or the tokenizer cannot be read, or they do not fit.
    """

    def __init__(
        self,
        model: bytes | Path,
        tokenizer: bytes,
        spec: SentenceModel,
        *,
        threads: int = 1,
        batch_size: int = 32,
    ) -> None:
        self._spec = spec
        self._batch_size = max(1, batch_size)
        self._tokenizer, self._pad_id = _load_tokenizer(tokenizer, spec)
        self._session: Any = _load_session(model, spec, threads)
        self._inputs = {
            node.name: _INTEGERS.get(node.type, np.int64) for node in self._session.get_inputs()
        }
        unknown = sorted(set(self._inputs) - _KNOWN_INPUTS)
        if unknown or "input_ids" not in self._inputs:
            raise EmbeddingError(
                f"The model {spec.model_id} is not a sentence encoder this service can feed.",
                detail=f"It asks for the inputs {sorted(self._inputs)}.",
                hint="export it with: optimum-cli export onnx --task feature-extraction",
            )
        names = [node.name for node in self._session.get_outputs()]
        # An export with its own pooling offers the finished vector under this name.
        self._output = "sentence_embedding" if "sentence_embedding" in names else names[0]
        self._dim = int(self._embed(["dimension"], "").shape[1])

    @property
    def model_id(self) -> str:
        """The id stored with every vector of this model."""
        return self._spec.model_id

    @property
    def dim(self) -> int:
        """Numbers in a vector, as the model gave them for a first text."""
        return self._dim

    def embed_documents(self, texts: list[str]) -> Vectors:
        """Unit vectors of documents, float32 ``[len(texts), dim]``, in the order given."""
        return self._embed(texts, self._spec.document_prefix)

    def embed_queries(self, texts: list[str]) -> Vectors:
        """Unit vectors of queries, float32 ``[len(texts), dim]``, in the order given."""
        return self._embed(texts, self._spec.query_prefix)

    def embed_query(self, text: str) -> Vectors:
        """Unit vector of one query, float32 ``[dim]``."""
        vector: Vectors = self.embed_queries([text])[0]
        return vector

    def close(self) -> None:
        """Let go of the model; a run under way in another thread still ends."""
        self._session = None

    def _embed(self, texts: list[str], prefix: str) -> Vectors:
        session = self._session
        if session is None:
            raise EmbeddingError(f"The model {self.model_id} is closed.")
        if not texts:
            return np.empty((0, self._dim), np.float32)
        max_chars = self._spec.max_tokens * CHARS_PER_TOKEN
        tokens = [self._tokenizer.encode(prefix + clean_text(t, max_chars)).ids for t in texts]
        pooled: list[npt.NDArray[np.float32]] = []
        order: list[int] = []
        for rows in self._runs([len(ids) for ids in tokens]):
            pooled.append(self._run(session, [tokens[row] for row in rows]))
            order.extend(rows)
        vectors = np.concatenate(pooled)
        result = np.empty_like(vectors)
        result[order] = vectors
        return unit_rows(result, self.model_id)

    def _runs(self, lengths: list[int]) -> Iterator[list[int]]:
        """Row numbers of each run: like lengths together, so that little of it is padding."""
        run: list[int] = []
        for row in sorted(range(len(lengths)), key=lengths.__getitem__):
            padded = (len(run) + 1) * lengths[row]
            if run and (len(run) == self._batch_size or padded > TOKENS_PER_RUN):
                yield run
                run = []
            run.append(row)
        yield run

    def _run(self, session: Any, tokens: list[list[int]]) -> npt.NDArray[np.float32]:
        """One run of the graph and its pooling: float32 ``[len(tokens), dim]``, any length."""
        width = max(1, *(len(ids) for ids in tokens))
        input_ids = np.full((len(tokens), width), self._pad_id, np.int64)
        mask = np.zeros((len(tokens), width), np.int64)
        for row, ids in enumerate(tokens):
            input_ids[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        feed = {
            "input_ids": input_ids,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        try:
            (output,) = session.run(
                [self._output], {name: feed[name].astype(t) for name, t in self._inputs.items()}
            )
        except Exception as error:
            raise EmbeddingError(
                f"The model {self.model_id} could not run.",
                detail=str(error),
                hint="check that tokenizer.json belongs to this model",
            ) from error
        hidden = np.asarray(output, dtype=np.float32)
        if hidden.ndim == 2:
            return hidden
        if self._spec.pooling == "cls":
            return np.ascontiguousarray(hidden[:, 0])
        weights = mask.astype(np.float32)[:, :, None]
        summed = (hidden * weights).sum(axis=1)
        return np.asarray(summed / np.maximum(weights.sum(axis=1), 1), dtype=np.float32)


def _load_tokenizer(data: bytes, spec: SentenceModel) -> tuple[Tokenizer, int]:
    try:
        tokenizer = Tokenizer.from_buffer(data)
    except Exception as error:
        raise EmbeddingError(
            f"The tokenizer of {spec.model_id} cannot be read.",
            detail=str(error),
            hint="check tokenizer.json: it must be a file of the tokenizers library",
        ) from error
    # RoBERTa-like models number positions by this id, so zero is not good enough for all.
    padding = tokenizer.padding
    known = (tokenizer.token_to_id(name) for name in ("[PAD]", "<pad>"))
    pad_id = padding["pad_id"] if padding else next((i for i in known if i is not None), 0)
    tokenizer.no_padding()
    tokenizer.enable_truncation(spec.max_tokens)
    return tokenizer, int(pad_id)


def _load_session(model: bytes | Path, spec: SentenceModel, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = max(1, threads)
    options.inter_op_num_threads = 1
    # Waiting threads that spin would take the processor from PostgreSQL beside them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    try:
        return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise EmbeddingError(
            f"The model {spec.model_id} cannot be loaded.",
            detail=str(error),
            hint="check that model.onnx is complete: sha256sum model.onnx",
        ) from error
