"""The checksum by which FC names code and layers. Pure."""

from __future__ import annotations

from typing import Final

POLYNOMIAL: Final = 0xC96C5795D7870F42
"""That of ECMA-182, lowest bit first."""

ONES: Final = 0xFFFF_FFFF_FFFF_FFFF


def _step(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
    return value


_TABLE: Final = tuple(map(_step, range(256)))


def crc64(data: bytes) -> int:
    """CRC-64/ECMA as OSS and FC compute it (also called CRC-64/XZ); they show it as a decimal number.

    Source: `codeChecksum` of https://www.alibabacloud.com/help/en/functioncompute/fc/developer-reference/api-fc-2023-03-30-getlayerversion
    """
    value = ONES
    for byte in data:
        value = _TABLE[value & 0xFF ^ byte] ^ value >> 8
    return value ^ ONES
