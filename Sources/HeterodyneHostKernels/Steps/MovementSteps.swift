// Heterodyne: the steps that move elements.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels

/// The table entries of one step.
typealias StepArguments = UnsafeMutablePointer<UnsafeMutableRawPointer?>

struct IotaPayload: BitwiseCopyable {
    var type: UInt8
    var length: Int64
}

func runIota(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: IotaPayload.self).pointee
    var length = p.length
    return hk_iota(p.type, 1, &length, 0, arguments[0], pool)
}

struct ConvertPayload: BitwiseCopyable {
    var to: UInt8
    var from: UInt8
    var count: Int64
}

func runConvert(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: ConvertPayload.self).pointee
    return hk_convert(p.to, p.from, arguments[1], arguments[0], p.count, pool)
}

struct MemoryPayload: BitwiseCopyable {
    var byteCount: Int
}

func runMemory(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    hk_copy(arguments[1], arguments[0], payload.assumingMemoryBound(to: MemoryPayload.self).pointee.byteCount, pool)
    return 0
}

struct CopyPayload: BitwiseCopyable {
    var elementSize: Int
    var rank: Int32
    var extents: UnsafePointer<Int64>
    var source: UnsafePointer<Int64>
    var target: UnsafePointer<Int64>
    /// Dimensions in front of the kernel's, looped over here.
    var outerRank: Int
    var outerExtents: UnsafePointer<Int>
    var outerSource: UnsafePointer<Int>
    var outerTarget: UnsafePointer<Int>

    func run(_ from: UnsafeRawPointer?, _ to: UnsafeMutableRawPointer?, _ pool: OpaquePointer?) -> Int32 {
        guard let from, let to else { return missingPointerStatus }
        if outerRank == 0 { return hk_copy_strided(elementSize, rank, extents, from, source, to, target, pool) }
        var total = 1
        for d in 0..<outerRank { total *= outerExtents[d] }
        for position in 0..<total {
            var rest = position
            var fromOffset = 0
            var toOffset = 0
            for d in stride(from: outerRank - 1, through: 0, by: -1) {
                let index = rest % outerExtents[d]
                rest /= outerExtents[d]
                fromOffset += index * outerSource[d]
                toOffset += index * outerTarget[d]
            }
            let status = hk_copy_strided(
                elementSize, rank, extents, from + fromOffset * elementSize, source, to + toOffset * elementSize,
                target, pool)
            if status != 0 { return status }
        }
        return 0
    }
}

/// The kernels' status for a missing pointer.
let missingPointerStatus: Int32 = 1

func runCopy(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    payload.assumingMemoryBound(to: CopyPayload.self).pointee.run(arguments[0], arguments[1], pool)
}

struct PadPayload: BitwiseCopyable {
    var elementSize: Int
    var rank: Int32
    var extents: UnsafePointer<Int64>
    var strides: UnsafePointer<Int64>
    var low: UnsafePointer<Int64>
    var high: UnsafePointer<Int64>
    var interior: UnsafePointer<Int64>
}

/// Arguments: operand, value, result.
func runPad(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: PadPayload.self).pointee
    return hk_pad(
        p.elementSize, p.rank, p.extents, arguments[0], p.strides, p.low, p.high, p.interior, arguments[1],
        arguments[2], pool)
}

/// Run-time start indices of a window.
struct StartsPayload: BitwiseCopyable {
    var rank: Int
    /// The largest start of each dimension.
    var limits: UnsafePointer<Int>
    var strides: UnsafePointer<Int>
    /// Whether the index is an int64, else int32.
    var isWide: UnsafePointer<Bool>

    /// Elements from the tensor's start to the window's, starts clamped so that the window fits.
    func offset(_ starts: StepArguments) -> Int {
        var offset = 0
        for d in 0..<rank {
            guard let address = starts[d] else { continue }
            let start =
                isWide[d]
                ? Int(address.loadUnaligned(as: Int64.self)) : Int(address.loadUnaligned(as: Int32.self))
            offset += min(max(start, 0), limits[d]) * strides[d]
        }
        return offset
    }
}

struct WindowPayload: BitwiseCopyable {
    var copy: CopyPayload
    var starts: StartsPayload
}

/// Arguments: operand, result, start indices.
func runDynamicSlice(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: WindowPayload.self)
    let offset = p.pointee.starts.offset(arguments + 2) * p.pointee.copy.elementSize
    return p.pointee.copy.run(arguments[0].map { UnsafeRawPointer($0) + offset }, arguments[1], pool)
}

/// Arguments: update, result (holding the operand), start indices.
func runDynamicUpdateSlice(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: WindowPayload.self)
    let offset = p.pointee.starts.offset(arguments + 2) * p.pointee.copy.elementSize
    return p.pointee.copy.run(arguments[0], arguments[1].map { $0 + offset }, pool)
}
