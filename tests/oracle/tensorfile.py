"""Reads and writes safetensors files with numpy alone.

A file is 8 bytes (little endian: the header's length n), n bytes of JSON, then the tensors' bytes. The header maps
each name to {"dtype", "shape", "data_offsets": [begin, end)}, offsets counted from the end of the header, and
"__metadata__" to an object of strings. Must not know: models, torch.
"""

import json

import numpy as np

DTYPES = {"U8": "u1", "I32": "<i4", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8"}
NAMES = {np.dtype(value): name for name, value in DTYPES.items()}


def load(path):
    """Returns (tensors, metadata): arrays by name in the file's order, and the strings of "__metadata__"."""
    with open(path, "rb") as file:
        raw = file.read()
    if len(raw) < 8:
        raise ValueError(f"{path}: {len(raw)} bytes are too few for a safetensors file")
    length = int.from_bytes(raw[:8], "little")
    if length > len(raw) - 8:
        raise ValueError(f"{path}: the header claims {length} bytes of {len(raw) - 8}")
    header = json.loads(raw[8:8 + length].decode("utf-8"))
    metadata = header.pop("__metadata__", {})
    data = memoryview(raw)[8 + length:]
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype = np.dtype(DTYPES[entry["dtype"]])
        shape = tuple(entry["shape"])
        if end - begin != dtype.itemsize * int(np.prod(shape, dtype=np.int64)) or not 0 <= begin <= end <= len(data):
            raise ValueError(f"{path}: tensor {name} has offsets {begin}..{end} for {entry['dtype']} {shape}")
        tensors[name] = np.frombuffer(data[begin:end], dtype=dtype).reshape(shape).copy()
    return tensors, metadata


def save(path, tensors, metadata, types={}):
    """Writes tensors (arrays by name) and metadata (strings by key); the header is padded so that data is aligned. types:
    of names whose arrays are the bits of a type that numpy lacks."""
    header, blobs, offset = {"__metadata__": dict(metadata)}, [], 0
    for name, array in tensors.items():
        array = np.asarray(array, order="C")
        blob = array.tobytes()
        header[name] = {"dtype": types.get(name) or NAMES[array.dtype.newbyteorder("<")], "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(blobs))
