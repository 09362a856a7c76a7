"""Which instructions multiply bfloat16, on processors of several kinds."""

from typing import Any

import pytest

from redraft.hardware import bfloat16_among

ZEN5 = {"avx512_bf16": True, "avx2": True}
RAPIDS = {"avx512_bf16": True, "amx_tile": True, "amx_bf16": True}
LAKE = {"avx512_bf16": True, "amx_tile": False}


@pytest.mark.parametrize(
    ("able", "amd", "allowed", "found"),
    [
        (RAPIDS, False, "", "amx"),
        (RAPIDS, False, "ALL", "amx"),
        (RAPIDS, False, "AVX10_1_512_AMX", "amx"),
        (RAPIDS, False, "AVX512_CORE_BF16", None),
        (RAPIDS, False, "avx2", None),
        ({"avx512_bf16": True, "amx_tile": True}, False, "", "amx"),
        ({"amx_tile": True, "amx_bf16": False}, False, "", None),
        (ZEN5, True, "", "avx512_bf16"),
        (ZEN5, True, "AVX512_CORE_BF16", "avx512_bf16"),
        (ZEN5, True, "AVX2", None),
        (LAKE, False, "", None),
        ({"avx2": True}, True, "", None),
        ({}, False, "", None),
    ],
)
def test_instructions(able: dict[str, Any], amd: bool, allowed: str, found: str | None) -> None:
    assert bfloat16_among(able, amd=amd, allowed=allowed) == found
