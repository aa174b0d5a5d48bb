"""A model from a folder: the default model's files stand in for anyone's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from service.core.embedding.minilm import MODEL_FILE, TOKENIZER_FILE, read_package_file
from service.core.embedding.onnx import load_onnx_folder
from service.core.errors import EmbeddingError

if TYPE_CHECKING:
    from pathlib import Path

    from service.core.embedding.sentence import OnnxEmbedder

TEXTS = ["the first text", "another one, rather longer than the first", "third"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(read_package_file(MODEL_FILE))
    (folder / "tokenizer.json").write_bytes(read_package_file(TOKENIZER_FILE))
    return folder


def test_a_folder_gives_the_vectors_of_its_model(folder: Path, minilm: OnnxEmbedder) -> None:
    embedder = load_onnx_folder(folder)
    assert embedder.dim == 384
    assert embedder.model_id == f"my-model-{MODEL_FILE.sha256[:12]}"
    np.testing.assert_allclose(
        embedder.embed_documents(TEXTS), minilm.embed_documents(TEXTS), atol=1e-5
    )


def test_the_layout_of_the_hub_is_understood(folder: Path) -> None:
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model.onnx")
    assert load_onnx_folder(folder).dim == 384


def test_weights_beside_the_graph_are_part_of_the_id(folder: Path) -> None:
    before = load_onnx_folder(folder).model_id
    (folder / "model.onnx_data").write_bytes(b"other weights")
    assert load_onnx_folder(folder).model_id != before


def test_configuration_files_are_followed(folder: Path, minilm: OnnxEmbedder) -> None:
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 8}')
    prompts = {"prompts": {"query": "query: ", "passage": "passage: "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    embedder = load_onnx_folder(folder)
    text = "one two three four five six seven"
    # Eight tokens: two special ones, "query", ":" and four words.
    assert np.array_equal(embedder.embed_query(text), embedder.embed_query(text + " eight"))
    assert not np.allclose(embedder.embed_query("one"), embedder.embed_documents(["one"])[0])
    assert not np.allclose(embedder.embed_query("one"), minilm.embed_query("query: one"))


def test_unknown_pooling_is_refused(folder: Path) -> None:
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        '{"pooling_mode_mean_tokens": false, "pooling_mode_max_tokens": true}'
    )
    with pytest.raises(EmbeddingError, match="pooled"):
        load_onnx_folder(folder)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(EmbeddingError, match="no ONNX embedding model") as caught:
        load_onnx_folder(folder)
    assert name in caught.value.detail


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.onnx", b"not a graph", "cannot be loaded"),
        ("tokenizer.json", b"{}", "tokenizer of my-model"),
        ("tokenizer_config.json", b"[1]", "not a JSON object"),
    ],
)
def test_a_broken_file_is_an_error_with_a_hint(
    folder: Path, name: str, content: bytes, message: str
) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(EmbeddingError, match=message) as caught:
        load_onnx_folder(folder)
    assert caught.value.hint


def test_a_tokenizer_of_another_model_is_an_error(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_bytes())
    tokenizer["model"]["vocab"]["foreign"] = 999_999
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    embedder = load_onnx_folder(folder)
    with pytest.raises(EmbeddingError, match="could not run"):
        embedder.embed_query("foreign")
