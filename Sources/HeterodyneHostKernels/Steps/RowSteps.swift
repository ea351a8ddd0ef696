// Heterodyne: the steps that run softmax, normalisations and attention.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels

struct RowPayload: BitwiseCopyable {
    /// Raw value of `RowOperation.Kind`.
    var kind: UInt8
    var type: UInt8
    var rows: Int64
    var columns: Int64
    var sourceStride: Int64
    var epsilon: Double
}

/// Arguments: operand, result, scale, bias.
func runRows(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: RowPayload.self).pointee
    switch RowOperation.Kind(rawValue: p.kind) {
    case .softmax, .logSoftmax:
        return hk_softmax(
            p.type, p.kind == RowOperation.Kind.logSoftmax.rawValue ? 1 : 0, p.rows, p.columns, arguments[0],
            p.sourceStride, arguments[1], p.columns, pool)
    case .layerNormalization:
        return hk_layernorm(
            p.type, p.rows, p.columns, arguments[0], p.sourceStride, arguments[2], arguments[3], p.epsilon,
            arguments[1], p.columns, pool)
    case .rmsNormalization:
        return hk_rmsnorm(
            p.type, p.rows, p.columns, arguments[0], p.sourceStride, arguments[2], p.epsilon, arguments[1], p.columns,
            pool)
    case nil: return missingPointerStatus
    }
}

/// The payload is the kernel's description. Arguments: q, k, v, mask, result.
func runAttention(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    guard let q = arguments[0], let k = arguments[1], let v = arguments[2], let out = arguments[4] else {
        return missingPointerStatus
    }
    return hk_attention(
        payload.assumingMemoryBound(to: hk_attention_desc.self), q.assumingMemoryBound(to: Float.self),
        k.assumingMemoryBound(to: Float.self), v.assumingMemoryBound(to: Float.self), arguments[3],
        out.assumingMemoryBound(to: Float.self), pool)
}
