// Heterodyne: the table of kernels of one instruction set.
// SPDX-License-Identifier: Apache-2.0

const hk_kernels HK_TABLE = {
    .level = HK_LEVEL,
    .ops = {
        HK_BOOL_ENTRIES,
        HK_INT_ENTRIES(i8, C_I8), HK_INT_ENTRIES(i16, C_I16), HK_INT_ENTRIES(i32, C_I32), HK_INT_ENTRIES(i64, C_I64),
        HK_INT_ENTRIES(u8, C_U8), HK_INT_ENTRIES(u16, C_U16), HK_INT_ENTRIES(u32, C_U32), HK_INT_ENTRIES(u64, C_U64),
        HK_ANY_ENTRIES(f32, C_F32), HK_ANY_ENTRIES(f64, C_F64),
        HK_FLOAT_ENTRIES(f32, C_F32), HK_FLOAT_ENTRIES(f64, C_F64),
    },
    .convert = {
        HK_CONVERT_INT_ROW(C_BOOL, u8),
        HK_CONVERT_INT_ROW(C_I8, i8), HK_CONVERT_INT_ROW(C_I16, i16), HK_CONVERT_INT_ROW(C_I32, i32),
        HK_CONVERT_INT_ROW(C_I64, i64), HK_CONVERT_INT_ROW(C_U8, u8), HK_CONVERT_INT_ROW(C_U16, u16),
        HK_CONVERT_INT_ROW(C_U32, u32), HK_CONVERT_INT_ROW(C_U64, u64),
        HK_CONVERT_FLOAT_ROW(C_F32, f32), HK_CONVERT_FLOAT_ROW(C_F64, f64),
    },
    .narrow_load = {[N_F16] = load_f16, [N_BF16] = load_bf16, [N_F8E4M3] = load_f8e4m3, [N_F8E5M2] = load_f8e5m2},
    .narrow_store = {[N_F16] = store_f16, [N_BF16] = store_bf16, [N_F8E4M3] = store_f8e4m3, [N_F8E5M2] = store_f8e5m2},
    .narrow_round = {[N_F16] = round_f16, [N_BF16] = round_bf16, [N_F8E4M3] = round_f8e4m3, [N_F8E5M2] = round_f8e5m2},
    .to_odd = {[C_F64] = to_odd_f64, [C_I32] = to_odd_i32, [C_U32] = to_odd_u32, [C_I64] = to_odd_i64,
               [C_U64] = to_odd_u64},
    .stream_copy = stream_copy,
    .transpose4 = transpose4,
};
