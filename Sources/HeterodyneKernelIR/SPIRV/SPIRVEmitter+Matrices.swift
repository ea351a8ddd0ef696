// Heterodyne: matrices of subgroups in SPIR-V (SPV_KHR_cooperative_matrix).
// SPDX-License-Identifier: Apache-2.0

extension SPIRVEmitter {
    /// Whether the module has the Vulkan memory model, which the extension demands: what other invocations may see has
    /// to be marked there.
    var usesVulkanMemoryModel: Bool { !kernel.matrices.isEmpty }

    private mutating func matrixType(_ type: MatrixType) -> UInt32 {
        require(.cooperativeMatrixKHR, "SPV_KHR_cooperative_matrix")
        requireArithmetic(type.element)
        let use: UInt64 =
            switch type.use {
            case .a: 0
            case .b: 1
            case .accumulator: 2
            }
        // Scope 3: the subgroup.
        let parts = [3, UInt64(type.rows), UInt64(type.columns), use]
        var operands = [typeID(type.element)]
        for part in parts { operands.append(constant(part, .u32)) }
        return self.type(.typeCooperativeMatrixKHR, operands)
    }

    mutating func declareMatrices() {
        for (index, matrix) in kernel.matrices.enumerated() {
            let pointer = pointer(.function, matrixType(matrix))
            let id = newID()
            Self.append(.variable, [pointer, id, SPIRVStorageClass.function.rawValue], to: &locals)
            name(id, "m\(index)")
            matrices.append(id)
        }
    }

    private mutating func load(_ matrix: Int) -> UInt32 {
        emit(.load, matrixType(kernel.matrices[matrix]), [matrices[matrix]])
    }

    mutating func matrix(_ statement: MatrixStatement) {
        let type = statement.result.map { kernel.matrices[$0] }
        let typeID = type.map { matrixType($0) } ?? 0
        let value: UInt32
        switch statement {
        case .fill(_, let element): value = emit(.compositeConstruct, typeID, [values[element.index]])
        case .load(_, let place, let stride, let layout):
            let (pointer, access) = pointer(to: place)
            let kind = constant(layout == .rowMajor ? 0 : 1, .u32)
            value = emit(.cooperativeMatrixLoadKHR, typeID, [pointer, kind, values[stride.index]] + access)
        case .store(let source, let place, let stride, let layout):
            let (pointer, access) = pointer(to: place)
            let (object, kind) = (load(source), constant(layout == .rowMajor ? 0 : 1, .u32))
            emit(.cooperativeMatrixStoreKHR, [pointer, object, kind, values[stride.index]] + access)
            return
        case .multiplyAdd(_, let a, let b, let c):
            var operands = [load(a), load(b), load(c)]
            // Which components are signed: those of A, B, C, and of the result.
            var signs: UInt32 = 0
            if kernel.matrices[a].element.isSigned { signs |= 1 }
            if kernel.matrices[b].element.isSigned { signs |= 2 }
            if kernel.matrices[c].element.isSigned { signs |= 4 | 8 }
            if signs != 0 { operands.append(signs) }
            value = emit(.cooperativeMatrixMulAddKHR, typeID, operands)
        case .add(let result, let x, let y):
            let operands = [load(x), load(y)]
            value = emit(kernel.matrices[result].element.isFloat ? .fAdd : .iAdd, typeID, operands)
        case .scale(_, let x, let factor):
            value = emit(.matrixTimesScalar, typeID, [load(x), values[factor.index]])
        case .convert(let result, let x):
            let (from, to) = (kernel.matrices[x].element, kernel.matrices[result].element)
            if from == to {
                value = load(x)
            } else if from.isFloat {
                value = emit(.fConvert, typeID, [load(x)])
            } else if from.bits == to.bits {
                value = emit(.bitcast, typeID, [load(x)])
            } else {
                value = emit(from.isSigned ? .sConvert : .uConvert, typeID, [load(x)])
            }
        }
        if let result = statement.result { emit(.store, [matrices[result], value]) }
    }
}
