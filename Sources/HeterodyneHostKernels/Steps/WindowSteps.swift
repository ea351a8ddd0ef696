// Heterodyne: the steps that convolve and pool.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels

struct PoolingPayload: BitwiseCopyable {
    var windows: hk_windows
    var kind: Int32
    var countsPadding: Int32
}

/// The payload is the kernel's description. Arguments: operand, weights, bias, result.
func runConvolution(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    guard let x = arguments[0], let weights = arguments[1], let result = arguments[3] else {
        return missingPointerStatus
    }
    return hk_convolution(
        payload.assumingMemoryBound(to: hk_windows.self), x.assumingMemoryBound(to: Float.self),
        weights.assumingMemoryBound(to: Float.self), arguments[2]?.assumingMemoryBound(to: Float.self),
        result.assumingMemoryBound(to: Float.self), pool)
}

/// Arguments: operand, result.
func runPooling(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    guard let x = arguments[0], let result = arguments[1] else { return missingPointerStatus }
    let p = payload.assumingMemoryBound(to: PoolingPayload.self)
    return withUnsafePointer(to: p.pointee.windows) { windows in
        hk_pool_windows(
            windows, p.pointee.kind, p.pointee.countsPadding, x.assumingMemoryBound(to: Float.self),
            result.assumingMemoryBound(to: Float.self), pool)
    }
}
