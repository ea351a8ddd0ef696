// Heterodyne: the steps that run prepared kernels.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels

/// The payload is the prepared region itself. Arguments: inputs, outputs.
func runRegion(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    hk_region_run(OpaquePointer(payload), arguments, pool)
    return 0
}

/// The payload is the prepared reduction itself. Arguments: input, output.
func runReduce(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    hk_reduce_run(OpaquePointer(payload), arguments[0], arguments[1], pool)
    return 0
}

struct FillPayload: BitwiseCopyable {
    var elementSize: Int
    var bits: UInt64
    var count: Int64
}

func runFill(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: FillPayload.self)
    return withUnsafePointer(to: p.pointee.bits) {
        hk_fill(p.pointee.elementSize, arguments[0], $0, p.pointee.count, pool)
    }
}

struct SortPayload: BitwiseCopyable {
    var type: UInt8
    var isDescending: Int32
    var rank: Int32
    var extents: UnsafePointer<Int64>
    var strides: UnsafePointer<Int64>
    var axis: Int32
    var indexType: UInt8
}

/// Arguments: operand, permutation.
func runSort(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: SortPayload.self).pointee
    return hk_sort_permutation(
        p.type, p.isDescending, p.rank, p.extents, p.strides, p.axis, arguments[0], p.indexType, arguments[1], pool)
}

struct IndexPayload: BitwiseCopyable {
    var description: hk_index_desc
    var kind: Int32
}

/// Arguments: operand, indices, result.
func runGather(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: IndexPayload.self)
    return withUnsafePointer(to: p.pointee.description) {
        hk_gather($0, arguments[0], arguments[1], arguments[2], pool)
    }
}

/// Arguments: result (holding the operand), indices, updates.
func runScatter(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: IndexPayload.self)
    return withUnsafePointer(to: p.pointee.description) {
        hk_scatter($0, p.pointee.kind, arguments[0], arguments[1], arguments[2], pool)
    }
}
