// Heterodyne: builds the register program of an elementwise region from a graph.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneBackend
import HeterodyneGraph

/// A register program over one iteration space, before registers are numbered.
struct RegionProgram {
    enum Register: Hashable {
        case input(Int)
        case instruction(Int)
    }

    struct Instruction: Hashable {
        var op: UInt16
        /// Type of the operands; of the result for type changes.
        var type: ScalarType
        /// Type of the operand of type changes.
        var from: ScalarType
        var operands: [Register]
    }

    enum Input: Hashable {
        /// A tensor, viewed in the iteration space.
        case view(StridedView)
        case immediate(UInt64, ScalarType)
        /// A matrix that comes from the step itself (the result of `dot`), contiguous in the iteration space.
        case produced(ScalarType)
    }

    let extents: [Int]
    private(set) var inputs: [Input] = []
    private(set) var instructions: [Instruction] = []
    var outputs: [(register: Register, type: ScalarType)] = []
    private var inputIndex: [Input: Int] = [:]
    private var instructionIndex: [Instruction: Int] = [:]

    init(extents: [Int]) { self.extents = extents }

    mutating func input(_ input: Input) -> Register {
        if let known = inputIndex[input] { return .input(known) }
        inputIndex[input] = inputs.count
        inputs.append(input)
        return .input(inputs.count - 1)
    }

    /// An operand whose extents are the iteration space's.
    mutating func operand(_ view: StridedView) -> Register {
        if let bits = view.splatBits { return immediate(bits, view.type) }
        return input(.view(view))
    }

    mutating func immediate(_ bits: UInt64, _ type: ScalarType) -> Register { input(.immediate(bits, type)) }

    mutating func immediate(_ number: Double, _ type: ScalarType) -> Register {
        immediate(type.bits(of: number), type)
    }

    mutating func apply(
        _ op: UInt16, _ type: ScalarType, from: ScalarType? = nil, _ operands: [Register]
    ) -> Register {
        let instruction = Instruction(op: op, type: type, from: from ?? type, operands: operands)
        if let known = instructionIndex[instruction] { return .instruction(known) }
        instructionIndex[instruction] = instructions.count
        instructions.append(instruction)
        return .instruction(instructions.count - 1)
    }

    /// Replaces inputs, keeping their registers.
    mutating func replaceInputs(_ transform: (Input) -> Input) { inputs = inputs.map(transform) }

    /// The result of one elementwise operation on registers that hold operands of `types`; nil where it is none.
    mutating func apply(_ operation: NodeOperation, _ types: [ScalarType], _ operands: [Register]) -> Register? {
        guard let type = types.first else { return nil }
        switch operation {
        case .parameter: return nil
        case .primitive(let primitive):
            switch primitive {
            case .unary(let op): return apply(ElementwiseCode.code(op), type, operands)
            case .binary(let op): return apply(ElementwiseCode.code(op), type, operands)
            case .compare(let direction): return apply(ElementwiseCode.code(direction), type, operands)
            case .select: return apply(UInt16(HK_OP_SELECT), types[1], operands)
            case .convert(let to):
                return to == type ? operands[0] : apply(UInt16(HK_OP_CONVERT), to, from: type, operands)
            case .bitcast(let to):
                return to == type ? operands[0] : apply(UInt16(HK_OP_BITCAST), to, from: type, operands)
            default: return nil
            }
        case .composite(let composite):
            switch ElementwiseCode.plan(composite, type) {
            case .unary(let op): return apply(op, type, operands)
            case .silu(let beta):
                let scaled = apply(UInt16(HK_OP_MULTIPLY), type, [operands[0], immediate(beta, type)])
                let sigmoid = apply(UInt16(HK_OP_SIGMOID), type, [scaled])
                return apply(UInt16(HK_OP_MULTIPLY), type, [operands[0], sigmoid])
            case .clip(let minimum, let maximum):
                var register = operands[0]
                if let minimum {
                    register = apply(UInt16(HK_OP_MAXIMUM), type, [register, immediate(minimum, type)])
                }
                if let maximum {
                    register = apply(UInt16(HK_OP_MINIMUM), type, [register, immediate(maximum, type)])
                }
                return register
            case nil: return nil
            }
        }
    }

    /// The program with numbered registers: descriptions of instructions and of the stored registers. A stored register
    /// is always an instruction's.
    mutating func numbered() -> (instructions: [hk_instr], stored: [UInt16]) {
        outputs = outputs.map { output in
            if case .instruction = output.register { return output }
            return (apply(UInt16(HK_OP_COPY), output.type, [output.register]), output.type)
        }
        let inputCount = inputs.count
        func number(_ register: Register) -> UInt16 {
            switch register {
            case .input(let index): UInt16(clamping: index)
            case .instruction(let index): UInt16(clamping: inputCount + index)
            }
        }
        let result = instructions.enumerated().map { index, instruction in
            let registers = instruction.operands.map(number)
            return hk_instr(
                op: instruction.op, type: instruction.type.rawValue, from_type: instruction.from.rawValue,
                dst: UInt16(clamping: inputCount + index), a: registers.first ?? 0,
                b: registers.count > 1 ? registers[1] : 0, c: registers.count > 2 ? registers[2] : 0)
        }
        return (result, outputs.map { number($0.register) })
    }
}

/// Reads an elementwise graph into a region program. Broadcasts and transpositions inside become strides of operands.
struct RegionReader {
    private struct Key: Hashable {
        var value: Value
        var axes: [Int]
    }

    let body: Graph
    /// The operand of each input of the body; nil for the value of `produced`.
    let arguments: [StridedView?]
    /// The value that the step itself computes.
    let produced: Value?
    var program: RegionProgram
    private var known: [Key: RegionProgram.Register] = [:]

    init(_ body: Graph, _ arguments: [StridedView?], extents: [Int], produced: Value? = nil) {
        self.body = body
        self.arguments = arguments
        self.produced = produced
        program = RegionProgram(extents: extents)
    }

    /// The register of `value`, whose dimension `d` runs along dimension `axes[d]` of the iteration space (-1: its
    /// extent is 1 and it repeats). nil where the graph is not elementwise.
    mutating func read(_ value: Value, _ axes: [Int]) -> RegionProgram.Register? {
        let key = Key(value: value, axes: axes)
        if let register = known[key] { return register }
        let register = readUnknown(value, axes)
        if let register { known[key] = register }
        return register
    }

    private mutating func readUnknown(_ value: Value, _ axes: [Int]) -> RegionProgram.Register? {
        let node = body.node(of: value)
        if let produced, value == produced {
            // The product is contiguous in the iteration space, so it may not be moved.
            let type = node.resultTypes[0].scalarType
            return axes == Array(0..<program.extents.count) ? program.input(.produced(type)) : nil
        }
        switch node.operation {
        case .parameter(let index, _, _):
            guard let view = arguments[index] else { return nil }
            return program.operand(RegionGeometry.placed(view, axes, in: program.extents))
        case .primitive(.constant(let literal)):
            guard case .splat(let bits) = literal.contents else { return nil }
            return program.immediate(bits, literal.type.scalarType)
        case .primitive(.broadcast), .primitive(.transpose), .primitive(.reshape):
            guard let inner = RegionGeometry.operandAxes(node, axes, in: body) else { return nil }
            return read(node.operands[0], inner)
        case .primitive, .composite:
            var registers: [RegionProgram.Register] = []
            for operand in node.operands {
                guard let register = read(operand, axes) else { return nil }
                registers.append(register)
            }
            return program.apply(node.operation, node.operands.map { body.type(of: $0).scalarType }, registers)
        }
    }
}
