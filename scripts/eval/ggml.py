"""Converts a CTranslate2 Whisper model into a whisper.cpp file, bit for bit the weights of the original."""

import base64
import io
import struct

import numpy as np

MAGIC = 0x67676D6C
# Kinds of numbers in a CTranslate2 file.
NUMBERS = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}
# `ftype` of a whisper.cpp file, and the type of a tensor in it.
F32, F16 = 0, 1
# Every published Whisper model has attention heads of this width.
HEAD_WIDTH = 64
# A model with this many tokens or more is multilingual.
MULTILINGUAL_TOKENS = 51865


def convert(model, assets):
    """Returns the whisper.cpp file of `model` (the bytes of a CTranslate2 `model.bin`).

    `assets` are files of OpenAI's package by name: `mel_filters.npz` and the vocabularies.
    """
    source = read_tensors(model)
    vocabulary_size, width = source["decoder/embeddings/weight"].shape
    bands = source["encoder/conv1/weight"].shape[1]
    tensors = renamed(source)
    heads = width // HEAD_WIDTH
    filters = np.load(io.BytesIO(assets["mel_filters.npz"]))[f"mel_{bands}"].astype("<f4")
    vocabulary = read_vocabulary(assets, vocabulary_size)
    out = io.BytesIO()
    audio_positions = len(tensors["encoder.positional_embedding"])
    text_positions = len(tensors["decoder.positional_embedding"])
    out.write(struct.pack("<2i", MAGIC, vocabulary_size))
    out.write(struct.pack("<4i", audio_positions, width, heads, layers(source, "encoder")))
    out.write(struct.pack("<4i", text_positions, width, heads, layers(source, "decoder")))
    out.write(struct.pack("<2i", bands, F16))
    out.write(struct.pack("<2i", *filters.shape) + filters.tobytes())
    out.write(struct.pack("<i", len(vocabulary)))
    for token in vocabulary:
        out.write(struct.pack("<i", len(token)) + token)
    for name, tensor in tensors.items():
        write_tensor(out, name, tensor)
    return out.getvalue()


class Reader:
    """Reads a CTranslate2 `model.bin` from its start."""

    def __init__(self, data):
        self.data = data
        self.offset = 0

    def number(self, form):
        (value,) = struct.unpack_from("<" + form, self.data, self.offset)
        self.offset += struct.calcsize("<" + form)
        return value

    def text(self):
        size = self.number("H")
        value = self.data[self.offset : self.offset + size - 1].decode()
        self.offset += size
        return value

    def tensor(self):
        dimensions = [self.number("I") for _ in range(self.number("B"))]
        kind, size = np.dtype(NUMBERS[self.number("B")]), self.number("I")
        value = np.frombuffer(self.data, kind, size // kind.itemsize, self.offset)
        self.offset += size
        return value.reshape(dimensions)


def read_tensors(model):
    """Tensors by CTranslate2's names, aliases included."""
    reader = Reader(model)
    reader.number("I")  # version of the format
    reader.text()  # name of the model's kind
    reader.number("I")  # revision of that kind
    tensors = {}
    for _ in range(reader.number("I")):
        name = reader.text()
        tensors[name] = reader.tensor()
    for _ in range(reader.number("I")):
        alias = reader.text()
        tensors[alias] = tensors[reader.text()]
    return tensors


def read_vocabulary(assets, size):
    """The bytes of each text token, in the order of their ids."""
    file = "multilingual.tiktoken" if size >= MULTILINGUAL_TOKENS else "gpt2.tiktoken"
    pairs = [line.split() for line in assets[file].splitlines() if line.strip()]
    vocabulary = [base64.b64decode(token) for token, _ in sorted(pairs, key=lambda pair: int(pair[1]))]
    if size < MULTILINGUAL_TOKENS:
        # The published English files count the end of the text among the text tokens.
        vocabulary.append(b"<|endoftext|>")
    return vocabulary


def layers(source, side):
    return sum(name.startswith(f"{side}/layer_") and name.endswith("ffn/linear_0/bias") for name in source)


def renamed(source):
    """Tensors under OpenAI's names, in the order in which a whisper.cpp file has them."""
    out = {}

    def linear(name, path):
        out[name + ".weight"], out[name + ".bias"] = source[path + "/weight"], source[path + "/bias"]

    def norm(name, path):
        out[name + ".weight"], out[name + ".bias"] = source[path + "/gamma"], source[path + "/beta"]

    def fused(names, path):
        """CTranslate2 keeps projections of the same input as one matrix."""
        weights = np.split(source[path + "/weight"], len(names))
        biases = np.split(source[path + "/bias"], len(names))
        for name, weight, bias in zip(names, weights, biases, strict=True):
            out[name + ".weight"] = weight
            # Whisper's keys have no bias.
            if not name.endswith(".key"):
                out[name + ".bias"] = bias

    def block(side, index):
        name, path = f"{side}.blocks.{index}", f"{side}/layer_{index}"
        attention = [f"{name}.attn.{part}" for part in ("query", "key", "value")]
        fused(attention, path + "/self_attention/linear_0")
        linear(name + ".attn.out", path + "/self_attention/linear_1")
        norm(name + ".attn_ln", path + "/self_attention/layer_norm")
        if side == "decoder":
            linear(name + ".cross_attn.query", path + "/attention/linear_0")
            fused([name + ".cross_attn.key", name + ".cross_attn.value"], path + "/attention/linear_1")
            linear(name + ".cross_attn.out", path + "/attention/linear_2")
            norm(name + ".cross_attn_ln", path + "/attention/layer_norm")
        linear(name + ".mlp.0", path + "/ffn/linear_0")
        linear(name + ".mlp.2", path + "/ffn/linear_1")
        norm(name + ".mlp_ln", path + "/ffn/layer_norm")

    out["encoder.positional_embedding"] = source["encoder/position_encodings/encodings"]
    for name in ("conv1", "conv2"):
        out[f"encoder.{name}.weight"] = source[f"encoder/{name}/weight"]
        out[f"encoder.{name}.bias"] = source[f"encoder/{name}/bias"].reshape(-1, 1)
    for index in range(layers(source, "encoder")):
        block("encoder", index)
    norm("encoder.ln_post", "encoder/layer_norm")
    out["decoder.positional_embedding"] = source["decoder/position_encodings/encodings"]
    out["decoder.token_embedding.weight"] = source["decoder/embeddings/weight"]
    for index in range(layers(source, "decoder")):
        block("decoder", index)
    norm("decoder.ln", "decoder/layer_norm")
    return out


def write_tensor(out, name, tensor):
    """Matrices are f16; vectors and positions are f32, as whisper.cpp expects."""
    is_full = tensor.ndim < 2 or tensor.shape[-1] == 1 or name.endswith("positional_embedding")
    kind = F32 if is_full else F16
    tensor = np.ascontiguousarray(tensor.astype("<f4" if is_full else "<f2"))
    out.write(struct.pack("<3i", tensor.ndim, len(name), kind))
    out.write(struct.pack(f"<{tensor.ndim}i", *reversed(tensor.shape)))
    out.write(name.encode() + tensor.tobytes())
