// Heterodyne: the prepared form of an elementwise region.
// SPDX-License-Identifier: Apache-2.0
#ifndef HK_REGION_INTERNAL_H
#define HK_REGION_INTERNAL_H

#include "internal.h"

/// Tile buffers of one thread live on its stack.
enum { HK_TILE_BYTES = 65536, HK_TILE_TARGET = 36864, HK_TILE_MAX = 2048, HK_TILE_MIN = 32, HK_MAX_REGISTERS = 1024 };

/// How an operand reaches its register.
enum {
    HK_IN_SPLAT,    ///< one value: filled once per chunk
    HK_IN_LINEAR,   ///< dense in iteration order
    HK_IN_ROW,      ///< unit stride inside a row, any outer strides (only where tiles lie within rows)
    HK_IN_PERIODIC, ///< depends on the position in the row only: loaded once per chunk (tiles of whole rows)
    HK_IN_GENERAL   ///< anything else: gathered for every tile
};

typedef struct {
    uint8_t kind, type, immediate, in_place;
    int8_t narrow;
    uint8_t element_size;       ///< in memory
    uint8_t register_size;
    uint64_t bits;
    int64_t strides[HK_MAX_RANK];
    int32_t reg;
} region_operand;

enum { HK_STEP_TILE, HK_STEP_MAP, HK_STEP_MAP_VIA_STAGING };

typedef struct {
    uint8_t kind;
    hk_tile_fn tile;
    hk_map_fn map, second;      ///< second: applied afterwards, in place (rounding) or from staging
    uint16_t dst, a, b, c;
    int16_t direct;             ///< the output that this step writes straight into, or -1
} region_step;

struct hk_region {
    const hk_kernels *kernels;
    int32_t rank, input_count, step_count, output_count, register_count;
    int64_t dims[HK_MAX_RANK];
    int64_t count, inner, rows;
    int64_t tile;               ///< elements of a full tile
    int64_t tiles;
    int64_t tiles_per_row;      ///< 0: a tile is `rows_per_tile` whole rows
    int64_t rows_per_tile;
    int64_t work;               ///< per element, in units of one vector add
    uint8_t stream;             ///< outputs are larger than the caches
    int64_t staging;            ///< byte offset per element of the staging buffer, or -1
    region_operand *inputs, *outputs;
    region_step *steps;
    int32_t *offsets;           ///< per register: byte offset per tile element, or -1 (lives in memory)
};

#endif
