// Heterodyne: operations in SPIR-V.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension SPIRVEmitter {
    /// Emits an operation; gives the id of its value.
    mutating func value(
        _ operation: Operation, _ type: KernelType, _ id: ValueID, _ exact: Bool
    ) throws(KernelError) -> UInt32 {
        requireArithmetic(operation, type)
        let result = typeID(type)
        let ids = operation.operands.map { values[$0.index] }
        switch operation {
        case .constant(let bits):
            if let first = bits.first { constantBits[id] = first }
            return constant(bits, type)
        case .builtin(let builtin): return self.builtin(builtin)
        case .pushConstant(let index):
            let position = constant(UInt64(index + layout.addresses.count), .u32)
            let place = emit(.accessChain, pointer(.pushConstant, result), [pushBlock, position])
            return emit(.load, result, [place])
        case .specialization(let index): return specializations[index]
        case .unary(let unary, _):
            if unary.isElementary { throw noInstruction(operation) }
            return self.unary(unary, type, result, ids[0])
        case .binary(let binary, _, let b):
            if binary.isElementary { throw noInstruction(operation) }
            return self.binary(binary, type, result, ids[0], ids[1], constantBits[b], exact)
        case .compare(let comparison, let a, _):
            return emit(opcode(comparison, kernel.types[a.index]), result, ids)
        case .select(let condition, _, _):
            var test = ids[0]
            if type.width > 1, kernel.types[condition.index].width == 1 {
                let bools = typeID(KernelType(.bool, type.width))
                test = emit(.compositeConstruct, bools, [UInt32](repeating: test, count: type.width))
            }
            return emit(.select, result, [test, ids[1], ids[2]])
        case .multiplyAdd:
            switch options.multiplyAdd {
            case .fused: return extended(.fma, result, ids)
            case .uncontracted:
                let product = emit(.fMul, result, [ids[0], ids[1]])
                let sum = emit(.fAdd, result, [product, ids[2]])
                decorate(product, .noContraction)
                decorate(sum, .noContraction)
                return sum
            }
        case .convert(let a): return convert(ids[0], kernel.types[a.index], type)
        case .bitcast(let a): return try bitcast(ids[0], kernel.types[a.index], type)
        case .construct: return emit(.compositeConstruct, result, ids)
        case .extract(_, let index): return emit(.compositeExtract, result, [ids[0], UInt32(index)])
        case .load(let place): return load(place, type)
        case .atomic(let atomic, let place, let operand):
            let pointer = atomicPointer(place, type)
            let arguments = [pointer, atomicScope(place), constant(0, .u32), values[operand.index]]
            return emit(opcode(atomic, type), result, arguments)
        case .compareExchange(let place, let expected, let replacement):
            let (pointer, relaxed) = (atomicPointer(place, type), constant(0, .u32))
            let new = values[replacement.index]
            let arguments = [pointer, atomicScope(place), relaxed, relaxed, new, values[expected.index]]
            return emit(.atomicCompareExchange, result, arguments)
        case .subgroup(let operation, let extent, _):
            require(.groupNonUniform)
            require(.groupNonUniformArithmetic)
            let kind: UInt32 =
                switch extent {
                case .reduce: 0
                case .inclusive: 1
                case .exclusive: 2
                }
            return emit(opcode(operation, type), result, [constant(3, .u32), kind, ids[0]])
        case .broadcast(_, let lane):
            require(.groupNonUniform)
            // A lane that is no constant may be broadcast from SPIR-V 1.5 on only; a shuffle always works.
            let isConstant = constantBits[lane] != nil
            require(isConstant ? .groupNonUniformBallot : .groupNonUniformShuffle)
            let opcode: Opcode = isConstant ? .groupNonUniformBroadcast : .groupNonUniformShuffle
            return emit(opcode, result, [constant(3, .u32), ids[0], ids[1]])
        case .shuffle, .shuffleXor:
            require(.groupNonUniform)
            require(.groupNonUniformShuffle)
            let opcode: Opcode
            if case .shuffle = operation {
                opcode = .groupNonUniformShuffle
            } else {
                opcode = .groupNonUniformShuffleXor
            }
            return emit(opcode, result, [constant(3, .u32), ids[0], ids[1]])
        }
    }

    private func noInstruction(_ operation: Operation) -> KernelError {
        .missingCapability(
            "\(operation.keyword) of f64 in \(kernel.name): devices have no such instruction; emulate float64 "
                + "(Kernel.emulating) or take the math library's")
    }

    /// Loads from buffers and conversions are possible with storage alone; anything else is arithmetic.
    private mutating func requireArithmetic(_ operation: Operation, _ type: KernelType) {
        switch operation {
        case .load(.buffer), .load(.variable), .load(.workgroup), .load(.table), .builtin: break
        case .convert(let a):
            let from = kernel.types[a.index]
            let isResized =
                from.isFloat && type.isFloat
                || from.isInteger && type.isInteger && from.bits != type.bits && (from.isSigned || !type.isSigned)
            for type in [from, type] where !isResized || !canStore(type) { requireArithmetic(type) }
        default:
            requireArithmetic(type)
            for operand in operation.operands { requireArithmetic(kernel.types[operand.index]) }
        }
    }

    /// Whether storage alone allows the type to be declared.
    private func canStore(_ type: KernelType) -> Bool {
        switch type.bits {
        case 8: capabilities.contains(.storageBuffer8BitAccess)
        case 16: capabilities.contains(.storageBuffer16BitAccess)
        default: true
        }
    }

    private mutating func unary(_ unary: UnaryOperator, _ type: KernelType, _ result: UInt32, _ a: UInt32) -> UInt32 {
        switch unary {
        case .negate: emit(type.isFloat ? .fNegate : .sNegate, result, [a])
        case .absolute: extended(type.isFloat ? .fAbs : .sAbs, result, [a])
        case .floor: extended(.floor, result, [a])
        case .ceiling: extended(.ceil, result, [a])
        case .truncate: extended(.trunc, result, [a])
        case .roundEven: extended(.roundEven, result, [a])
        case .squareRoot: extended(.sqrt, result, [a])
        case .not: emit(type.scalar == .bool ? .logicalNot : .not, result, [a])
        case .isNaN: emit(.isNan, result, [a])
        case .isInfinite: emit(.isInf, result, [a])
        case .bitCount: emit(.bitCount, result, [a])
        case .highestBit: extended(.findUMsb, result, [a])
        // Turned away before.
        case .exponential, .logarithm, .sine, .cosine, .hyperbolicTangent: a
        }
    }

    private mutating func binary(
        _ binary: BinaryOperator, _ type: KernelType, _ result: UInt32, _ a: UInt32, _ b: UInt32,
        _ constantB: UInt64?, _ exact: Bool
    ) -> UInt32 {
        let (isFloat, isSigned, isBool) = (type.isFloat, type.isSigned, type.scalar == .bool)
        func arithmetic(_ float: Opcode, _ integer: Opcode) -> UInt32 {
            let id = emit(isFloat ? float : integer, result, [a, b])
            if isFloat, exact { decorate(id, .noContraction) }
            return id
        }
        switch binary {
        case .add: return arithmetic(.fAdd, .iAdd)
        case .subtract: return arithmetic(.fSub, .iSub)
        case .multiply: return arithmetic(.fMul, .iMul)
        case .divide: return emit(isFloat ? .fDiv : isSigned ? .sDiv : .uDiv, result, [a, b])
        case .remainder:
            if !isSigned { return emit(.uMod, result, [a, b]) }
            // Vulkan leaves OpSRem undefined for negative operands.
            let quotient = emit(.sDiv, result, [a, b])
            let product = emit(.iMul, result, [quotient, b])
            return emit(.iSub, result, [a, product])
        case .minimum, .maximum:
            let bools = typeID(type.with(scalar: .bool))
            let comparison: Comparison = binary == .minimum ? .less : .greater
            var test = emit(opcode(comparison, type), bools, [a, b])
            if isFloat {
                let isNaN = emit(.isNan, bools, [a])
                test = emit(.logicalOr, bools, [test, isNaN])
            }
            return emit(.select, result, [test, a, b])
        case .and: return emit(isBool ? .logicalAnd : .bitwiseAnd, result, [a, b])
        case .or: return emit(isBool ? .logicalOr : .bitwiseOr, result, [a, b])
        case .xor: return emit(isBool ? .logicalNotEqual : .bitwiseXor, result, [a, b])
        case .shiftLeft, .shiftRight:
            var amount = b
            if (constantB ?? .max) >= UInt64(type.bits) || type.width > 1 {
                let mask = constant(UInt64(type.bits - 1), type)
                amount = emit(.bitwiseAnd, result, [b, mask])
            }
            let right: Opcode = isSigned ? .shiftRightArithmetic : .shiftRightLogical
            return emit(binary == .shiftLeft ? .shiftLeftLogical : right, result, [a, amount])
        // Turned away before.
        case .power, .floatRemainder: return a
        }
    }

    private func opcode(_ comparison: Comparison, _ type: KernelType) -> Opcode {
        let (isFloat, isSigned, isBool) = (type.isFloat, type.isSigned, type.scalar == .bool)
        return switch comparison {
        case .equal: isFloat ? .fOrdEqual : isBool ? .logicalEqual : .iEqual
        case .notEqual: isFloat ? .fUnordNotEqual : isBool ? .logicalNotEqual : .iNotEqual
        case .less: isFloat ? .fOrdLessThan : isSigned ? .sLessThan : .uLessThan
        case .lessOrEqual: isFloat ? .fOrdLessThanEqual : isSigned ? .sLessThanEqual : .uLessThanEqual
        case .greater: isFloat ? .fOrdGreaterThan : isSigned ? .sGreaterThan : .uGreaterThan
        case .greaterOrEqual: isFloat ? .fOrdGreaterThanEqual : isSigned ? .sGreaterThanEqual : .uGreaterThanEqual
        }
    }

    private func opcode(_ operation: SubgroupOperator, _ type: KernelType) -> Opcode {
        let (isFloat, isSigned) = (type.isFloat, type.isSigned)
        return switch operation {
        case .add: isFloat ? .groupNonUniformFAdd : .groupNonUniformIAdd
        case .minimum:
            isFloat ? .groupNonUniformFMin : isSigned ? .groupNonUniformSMin : .groupNonUniformUMin
        case .maximum:
            isFloat ? .groupNonUniformFMax : isSigned ? .groupNonUniformSMax : .groupNonUniformUMax
        }
    }

    private func opcode(_ atomic: AtomicOperator, _ type: KernelType) -> Opcode {
        switch atomic {
        case .add: type.isFloat ? .atomicFAddEXT : .atomicIAdd
        case .minimum: type.isSigned ? .atomicSMin : .atomicUMin
        case .maximum: type.isSigned ? .atomicSMax : .atomicUMax
        case .and: .atomicAnd
        case .or: .atomicOr
        case .xor: .atomicXor
        case .exchange: .atomicExchange
        }
    }

    private mutating func atomicPointer(_ place: Place, _ type: KernelType) -> UInt32 {
        if type.isFloat {
            let capability: SPIRVCapability = type.bits == 32 ? .atomicFloat32AddEXT : .atomicFloat64AddEXT
            require(capability, "SPV_EXT_shader_atomic_float_add")
        } else if type.bits == 64 {
            require(.int64Atomics)
        }
        return pointer(to: place).id
    }

    /// Buffers are shared by the device (1; the Vulkan memory model has the queue family, 5), workgroup memory by the
    /// workgroup (2).
    private mutating func atomicScope(_ place: Place) -> UInt32 {
        if case .workgroup = place { return constant(2, .u32) }
        return constant(usesVulkanMemoryModel ? 5 : 1, .u32)
    }

    private mutating func bitcast(
        _ a: UInt32, _ from: KernelType, _ type: KernelType
    ) throws(KernelError) -> UInt32 {
        if from == type { return a }
        guard from.scalar == .bfloat16 || type.scalar == .bfloat16 else { return emit(.bitcast, typeID(type), [a]) }
        // bfloat16 sits in the low half of 32 bits.
        guard from.width == type.width else { throw .typeMismatch("bitcast: from \(from) to \(type)") }
        if type.scalar == .bfloat16 {
            let short = type.with(scalar: .uint16)
            let bits = from == short ? a : emit(.bitcast, typeID(short), [a])
            return emit(.uConvert, typeID(type), [bits])
        }
        let short = type.with(scalar: .uint16)
        let bits = emit(.uConvert, typeID(short), [a])
        return type == short ? bits : emit(.bitcast, typeID(type), [bits])
    }

    private mutating func convert(_ a: UInt32, _ from: KernelType, _ type: KernelType) -> UInt32 {
        if from.scalar == type.scalar { return a }
        if from.scalar == .bfloat16 {
            let bits = type.with(scalar: .uint32)
            let shifted = emit(.shiftLeftLogical, typeID(bits), [a, constant(16, bits)])
            return emit(.bitcast, typeID(type), [shifted])
        }
        if type.scalar == .bfloat16 { return bfloat16(a, from) }
        let result = typeID(type)
        switch (from.isFloat, type.isFloat) {
        case (true, true): return emit(.fConvert, result, [a])
        case (true, false): return emit(type.isSigned ? .convertFToS : .convertFToU, result, [a])
        case (false, _) where from.scalar == .bool:
            let one = Literal.bits(of: 1, type.scalar) ?? 1
            return emit(.select, result, [a, constant(one, type), constant(0, type)])
        case (false, true): return emit(from.isSigned ? .convertSToF : .convertUToF, result, [a])
        case (false, false):
            if from.bits == type.bits { return emit(.bitcast, result, [a]) }
            if from.isSigned { return emit(.sConvert, result, [a]) }
            if !type.isSigned { return emit(.uConvert, result, [a]) }
            guard let unsigned = type.unsigned else { return a }
            if type.bits < 32 { requireArithmetic(type) }
            let wide = emit(.uConvert, typeID(unsigned), [a])
            return emit(.bitcast, result, [wide])
        }
    }

    /// float32 to bfloat16 in integer arithmetic: to nearest, ties to even, NaN stays NaN.
    private mutating func bfloat16(_ a: UInt32, _ from: KernelType) -> UInt32 {
        let type = from.with(scalar: .uint32)
        let (words, bools) = (typeID(type), typeID(from.with(scalar: .bool)))
        let bits = emit(.bitcast, words, [a])
        let high = emit(.shiftRightLogical, words, [bits, constant(16, type)])
        let odd = emit(.bitwiseAnd, words, [high, constant(1, type)])
        let bias = emit(.iAdd, words, [odd, constant(0x7fff, type)])
        let sum = emit(.iAdd, words, [bits, bias])
        let rounded = emit(.shiftRightLogical, words, [sum, constant(16, type)])
        let quiet = emit(.bitwiseOr, words, [high, constant(0x40, type)])
        let magnitude = emit(.bitwiseAnd, words, [bits, constant(0x7fff_ffff, type)])
        let isNaN = emit(.uGreaterThan, bools, [magnitude, constant(0x7f80_0000, type)])
        return emit(.select, words, [isNaN, quiet, rounded])
    }
}

extension KernelType {
    /// The unsigned integer type of the same size.
    var unsigned: KernelType? {
        switch bits {
        case 8: with(scalar: .uint8)
        case 16: with(scalar: .uint16)
        case 32: with(scalar: .uint32)
        case 64: with(scalar: .uint64)
        default: nil
        }
    }
}
