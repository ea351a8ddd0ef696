// Heterodyne: a small builder for elementwise regions in tests.
// SPDX-License-Identifier: Apache-2.0
import CHostKernels

/// A region under construction: operands, instructions, outputs.
struct Program {
    var dims: [Int]
    var inputs: [hk_operand] = []
    var instructions: [hk_instr] = []
    var outputs: [hk_operand] = []
    var flags: UInt32 = 0

    init(_ dims: [Int]) { self.dims = dims }

    mutating func input(_ type: Scalar, _ strides: [Int]) -> UInt16 {
        var operand = hk_operand()
        operand.type = type.code
        fill(&operand.strides, int64s(strides))
        inputs.append(operand)
        return UInt16(inputs.count - 1)
    }

    mutating func immediate(_ type: Scalar, _ bits: UInt64) -> UInt16 {
        var operand = hk_operand()
        operand.type = type.code
        operand.is_immediate = 1
        operand.immediate = bits
        inputs.append(operand)
        return UInt16(inputs.count - 1)
    }

    /// Add all inputs before the first instruction.
    mutating func add(_ op: Int, _ type: Scalar, from: Scalar? = nil, _ a: UInt16, _ b: UInt16 = 0, _ c: UInt16 = 0)
        -> UInt16
    {
        let register = UInt16(inputs.count + instructions.count)
        instructions.append(
            hk_instr(op: UInt16(op), type: type.code, from_type: from?.code ?? 0, dst: register, a: a, b: b, c: c))
        return register
    }

    mutating func output(_ type: Scalar, _ register: UInt16, _ strides: [Int]) {
        var operand = hk_operand()
        operand.type = type.code
        operand.reg = register
        fill(&operand.strides, int64s(strides))
        outputs.append(operand)
    }

    func prepare(_ region: inout OpaquePointer?) -> Int32 {
        var desc = hk_region_desc()
        desc.rank = Int32(dims.count)
        desc.input_count = Int32(inputs.count)
        desc.instr_count = Int32(instructions.count)
        desc.output_count = Int32(outputs.count)
        desc.flags = flags
        fill(&desc.dims, int64s(Array(dims.prefix(8))))
        return inputs.withUnsafeBufferPointer { inputs in
            instructions.withUnsafeBufferPointer { instructions in
                outputs.withUnsafeBufferPointer { outputs in
                    desc.inputs = inputs.baseAddress
                    desc.instrs = instructions.baseAddress
                    desc.outputs = outputs.baseAddress
                    return hk_region_prepare(&region, &desc)
                }
            }
        }
    }

    /// Prepares, runs and frees. `bases`: inputs (nil for immediates), then outputs.
    func run(_ bases: [UnsafeMutableRawPointer?], pool: OpaquePointer? = nil) -> Int32 {
        var region: OpaquePointer?
        let status = prepare(&region)
        guard status == HK_OK else { return status }
        hk_region_run(region, bases, pool)
        hk_region_destroy(region)
        return status
    }
}
