"""A language model of half a megabyte with random weights, written as GGUF, behind a real llama.cpp server.

Its weights are random but for three directions of the hidden state: the labels A and B outweigh all other tokens, and
after a label it stops. Which label it prefers follows from the prompt, as attention over random embeddings has it.
"""

from __future__ import annotations

import socket
import struct
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEADS, LAYERS, HIDDEN, CONTEXT = 64, 4, 2, 128, 4096
UNKNOWN, BEGIN, END = 0, 1, 2
LABELS = ("A", "B", "\u2581A", "\u2581B")
TEMPLATE = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}[assistant] "
NORMAL, UNKNOWN_TYPE, CONTROL, BYTE = 1, 2, 3, 6
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
ALIGNMENT = 32


def vocabulary() -> list[tuple[str, float, int]]:
    """Give token, score and type: three controls, all bytes, a space, printable ASCII, the labels after a space."""
    controls = [("<unk>", 0.0, UNKNOWN_TYPE), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
    raw = [(f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)]
    printable = [(chr(code), -float(code), NORMAL) for code in range(33, 127)]
    return [*controls, *raw, ("\u2581", -1.0, NORMAL), *printable, ("\u2581A", -0.5, NORMAL), ("\u2581B", -0.6, NORMAL)]


def weights(seed: int) -> dict[str, np.ndarray]:
    """Draw the tensors; direction 0 of the hidden state is constant, direction 1 says that a label was just said."""
    random = np.random.default_rng(seed)
    tokens = [token for token, _, _ in vocabulary()]
    labels = [tokens.index(label) for label in LABELS]

    def draw(rows: int, columns: int, spread: float) -> np.ndarray:
        return (random.standard_normal((rows, columns)) * spread).astype(np.float32)

    embedding = draw(len(tokens), WIDTH, 1.0)
    embedding[:, 0], embedding[:, 1] = 12.0, 0.0
    embedding[labels, 1] = 12.0
    output = draw(len(tokens), WIDTH, 0.1)
    output[:, 0], output[:, 1] = -1.0, 0.0
    output[labels, :] = draw(len(labels), WIDTH, 0.06)
    output[labels, 0], output[labels, 1] = 1.0, -6.0
    output[END, 1] = 8.0
    found = {"token_embd.weight": embedding, "output.weight": output}
    found["output_norm.weight"] = np.full(WIDTH, 3.0, np.float32)
    for layer in range(LAYERS):
        name = f"blk.{layer}"
        for norm in ("attn_norm", "ffn_norm"):
            found[f"{name}.{norm}.weight"] = np.ones(WIDTH, np.float32)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            found[f"{name}.{part}.weight"] = draw(WIDTH, WIDTH, 0.25)
        found[f"{name}.ffn_gate.weight"] = draw(HIDDEN, WIDTH, 0.2)
        found[f"{name}.ffn_up.weight"] = draw(HIDDEN, WIDTH, 0.2)
        found[f"{name}.ffn_down.weight"] = draw(WIDTH, HIDDEN, 0.2)
        for part in ("attn_output", "ffn_down"):
            found[f"{name}.{part}.weight"][:2] = 0.0
    return found


def write_model(path: Path, seed: int) -> None:
    """Write the model as GGUF, version 3, all tensors as 32-bit floats."""
    tensors = weights(seed)
    facts = metadata()
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(facts)) + b"".join(facts)
    offset, infos, data = 0, [], []
    for name, tensor in tensors.items():
        raw = tensor.tobytes()
        shape = struct.pack(f"<I{tensor.ndim}Q", tensor.ndim, *reversed(tensor.shape))
        infos.append(text(name) + shape + struct.pack("<IQ", 0, offset))
        data.append(raw + bytes(-len(raw) % ALIGNMENT))
        offset += len(data[-1])
    head += b"".join(infos)
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + b"".join(data))


def metadata() -> list[bytes]:
    tokens = vocabulary()
    numbers = {
        "llama.context_length": CONTEXT, "llama.embedding_length": WIDTH, "llama.block_count": LAYERS,
        "llama.feed_forward_length": HIDDEN, "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": HEADS, "llama.rope.dimension_count": WIDTH // HEADS,
        "llama.vocab_size": len(tokens), "general.file_type": 0, "tokenizer.ggml.unknown_token_id": UNKNOWN,
        "tokenizer.ggml.bos_token_id": BEGIN, "tokenizer.ggml.eos_token_id": END,
    }  # fmt: skip
    words = {
        "general.architecture": "llama", "general.name": "tiny", "tokenizer.ggml.model": "llama",
        "tokenizer.chat_template": TEMPLATE,
    }  # fmt: skip
    return [
        *(fact(name, STRING, text(value)) for name, value in words.items()),
        *(fact(name, UINT32, struct.pack("<I", value)) for name, value in numbers.items()),
        fact("llama.attention.layer_norm_rms_epsilon", FLOAT32, struct.pack("<f", 1e-5)),
        fact("tokenizer.ggml.add_space_prefix", BOOL, b"\x00"),
        fact("tokenizer.ggml.tokens", ARRAY, array(STRING, [text(token) for token, _, _ in tokens])),
        fact("tokenizer.ggml.scores", ARRAY, array(FLOAT32, [struct.pack("<f", score) for _, score, _ in tokens])),
        fact("tokenizer.ggml.token_type", ARRAY, array(INT32, [struct.pack("<i", kind) for _, _, kind in tokens])),
    ]


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def array(kind: int, values: list[bytes]) -> bytes:
    return struct.pack("<IQ", kind, len(values)) + b"".join(values)


def fact(name: str, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


class TinyServer:
    """llama.cpp's own HTTP server in this process, on a free port of this machine."""

    def __init__(self, model: Path, *, slots: int = 4) -> None:
        import xllamacpp

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings: Any = xllamacpp.CommonParams()
        settings.model.path = str(model)
        settings.port, settings.hostnames = self.port, ["127.0.0.1"]
        settings.n_ctx, settings.n_parallel = CONTEXT * slots, slots
        settings.cpuparams.n_threads = 1
        settings.warmup, settings.offline = False, True
        self.server = xllamacpp.Server(settings)
        self._wait()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                with urllib.request.urlopen(f"{self.base_url}/models", timeout=2):
                    return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
