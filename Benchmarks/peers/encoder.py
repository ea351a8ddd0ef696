# Heterodyne: what the peers know of the encoder: its sizes and where its files lie.
# SPDX-License-Identifier: Apache-2.0

import os
import pathlib

root = pathlib.Path(__file__).resolve().parents[2]
cache = pathlib.Path(os.environ.get("HETERODYNE_CACHE") or root / ".cache").absolute()
os.environ["HETERODYNE_CACHE"] = str(cache)  # Processes that are started from here may have another working folder.
default_weights = cache / "weights" / "all-MiniLM-L6-v2" / "model.safetensors"
fixture = root / "Tests" / "SentenceEmbeddingTests" / "Fixtures" / "sentences.json"

HIDDEN, INTERMEDIATE, HEADS, LAYERS, EPSILON = 384, 1536, 12, 6, 1e-12
HEAD = HIDDEN // HEADS
