"""tiny_bert's encoder with a head that scores a query and a document: tiny-rerank.gguf."""

import pathlib
import sys

from tiny_bert import RANK, write_model

if __name__ == "__main__":
    write_model(pathlib.Path(sys.argv[1]) / "tiny-rerank.gguf", "tiny-random-reranker", RANK, scores=True)
