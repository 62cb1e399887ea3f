"""Dropout as Apus has it, in NumPy: Philox 4x32 with 7 rounds (Salmon et al. 2011) of an element's place, under the key of its sequence. Each block of
128 bits decides about 8 elements, each by 16 bits. With `patched`, PyTorch's modules leave out these elements."""
import contextlib
import numpy, torch

MASK = numpy.uint64(0xFFFFFFFF)


def philox(counter, key, rounds):
    """Four words of each counter (c0, c1, c2, c3); `key` has 64 bits."""
    c = [x.astype(numpy.uint64) for x in numpy.broadcast_arrays(*(numpy.asarray(x) for x in counter))]
    first, second = numpy.uint64(key & 0xFFFFFFFF), numpy.uint64(key >> 32)
    for _ in range(rounds):
        a, b = numpy.uint64(0xD2511F53) * c[0], numpy.uint64(0xCD9E8D57) * c[2]
        c = [b >> numpy.uint64(32) ^ c[1] ^ first, b & MASK, a >> numpy.uint64(32) ^ c[3] ^ second, a & MASK]
        first, second = first + numpy.uint64(0x9E3779B9) & MASK, second + numpy.uint64(0xBB67AE85) & MASK
    return numpy.stack(c, -1)


def factors(block, position, row, number, rate, site, key):
    """What elements are multiplied by: 0, or 1 / (1 - rate)."""
    threshold = round(rate * 65536)
    words = philox((block, position, site, row), key, 7)
    number = numpy.broadcast_to(number, words.shape[:-1])
    word = numpy.take_along_axis(words, (number // 2)[..., None], -1)[..., 0]
    half = word >> (number % 2 * 16).astype(numpy.uint64) & numpy.uint64(0xFFFF)
    return torch.from_numpy((half >= threshold) * (65536 / (65536 - threshold)))


def of_rows(rows, columns, rate, site, key):
    """[rows][columns]"""
    column = numpy.arange(columns)
    return factors(column // 128 * 16 + column % 16, numpy.arange(rows)[:, None], 0, column % 128 // 16, rate, site, key)


def of_scores(heads, queries, keys, rate, site, key):
    """[heads][queries][keys]"""
    k = numpy.arange(keys)
    return factors(k // 8, numpy.arange(queries)[:, None], numpy.arange(heads)[:, None, None], k % 8, rate, site, key)


@contextlib.contextmanager
def patched(keys):
    """Dropout of a batch whose sequences have these keys; each call that leaves something out is the next site."""
    plain, site = torch.nn.functional.dropout, 0

    def dropout(x, p=0.5, training=True, inplace=False):
        nonlocal site
        if not training or p == 0:
            return x
        # OPT lays rows of all sequences one after the other, and XGLM their heads.
        shape = x.shape if x.dim() == 4 or len(x) == len(keys) else (len(keys), len(x) // len(keys), *x.shape[1:])
        masks = [(of_scores if len(shape) == 4 else of_rows)(*shape[1:], p, site, key) for key in keys]
        site += 1
        return x * torch.stack(masks).to(x.dtype).reshape(x.shape)

    torch.nn.functional.dropout = dropout
    try:
        yield
    finally:
        torch.nn.functional.dropout = plain
