"""The checksum of files: CRC-64 as OSS and Function Compute compute it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.checksums import crc64

POLYNOMIAL = 0xC96C5795D7870F42
ALL = (1 << 64) - 1


def bit_by_bit(data: bytes) -> int:
    """The definition."""
    checksum = ALL
    for byte in data:
        checksum ^= byte
        for _ in range(8):
            checksum = (checksum >> 1) ^ POLYNOMIAL if checksum & 1 else checksum >> 1
    return checksum ^ ALL


def test_the_checksum_is_that_of_the_published_check_value() -> None:
    """The catalogue of CRCs gives one value for CRC-64/XZ, and nothing has the checksum 0."""
    assert crc64(b"123456789") == 0x995DC9BBDF1939FA
    assert crc64(b"") == 0


@given(st.binary(max_size=2000), st.integers(min_value=0, max_value=300))
def test_a_text_of_any_length_has_the_checksum_of_the_definition(data: bytes, times: int) -> None:
    """Short ones, long ones and those at which another halving begins."""
    data *= times % 5 + 1
    assert crc64(data) == bit_by_bit(data)


@pytest.mark.parametrize("size", [127, 128, 129, 136, 137, 1024, 65_543])
def test_a_checksum_goes_on_from_that_of_what_stands_before(size: int) -> None:
    """Parts of an upload need not be put together to be checked."""
    data = bytes((7 * index * index) & 255 for index in range(size))
    for cut in (0, 1, size // 2, size):
        assert crc64(data[cut:], before=crc64(data[:cut])) == bit_by_bit(data)
