// Heterodyne: the steps that run the regions of if and while.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels

struct ControlPayload: BitwiseCopyable {
    var inputs: Int
    var outputs: Int
    /// Bytes of each output.
    var byteCounts: UnsafePointer<Int>
}

/// Arguments: invocation of each branch, predicate, operands, results.
func runConditional(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: ControlPayload.self).pointee
    guard let predicate = arguments[2], let branch = arguments[predicate.load(as: UInt8.self) != 0 ? 0 : 1] else {
        return missingPointerStatus
    }
    return Unmanaged<HostInvocation>.fromOpaque(branch)._withUnsafeGuaranteedRef { invocation in
        for index in 0..<p.inputs { invocation.bindUnchecked(input: index, to: arguments[3 + index]) }
        for index in 0..<p.outputs { invocation.bindUnchecked(output: index, to: arguments[3 + p.inputs + index]) }
        return invocation.execute().status
    }
}

/// Arguments: invocation of condition, of body, flag, state, other state of the same sizes. The state holds the
/// operands at first and the results at last.
func runLoop(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: ControlPayload.self).pointee
    guard let first = arguments[0], let second = arguments[1], let flag = arguments[2] else {
        return missingPointerStatus
    }
    var current = arguments + 3
    var next = arguments + 3 + p.inputs
    return Unmanaged<HostInvocation>.fromOpaque(first)._withUnsafeGuaranteedRef { condition in
        Unmanaged<HostInvocation>.fromOpaque(second)._withUnsafeGuaranteedRef { body in
            condition.bindUnchecked(output: 0, to: flag)
            while true {
                for index in 0..<p.inputs { condition.bindUnchecked(input: index, to: current[index]) }
                let status = condition.execute().status
                if status != 0 { return status }
                if flag.load(as: UInt8.self) == 0 { break }
                for index in 0..<p.inputs {
                    body.bindUnchecked(input: index, to: current[index])
                    body.bindUnchecked(output: index, to: next[index])
                }
                let bodyStatus = body.execute().status
                if bodyStatus != 0 { return bodyStatus }
                swap(&current, &next)
            }
            if current != arguments + 3 {
                for index in 0..<p.outputs { hk_copy(next[index], current[index], p.byteCounts[index], pool) }
            }
            return 0
        }
    }
}
