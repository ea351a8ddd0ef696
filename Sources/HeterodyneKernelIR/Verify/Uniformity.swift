// Heterodyne: which values are the same for a whole workgroup, and where barriers may stand.
// SPDX-License-Identifier: Apache-2.0

/// Finds values that are certainly the same in all invocations of a workgroup.
///
/// A barrier may only stand where every condition around it is such a value, and so may a subgroup operation. The
/// analysis is conservative: what comes from workgroup memory, from a buffer that is written, or from an atomic counts
/// as different. Variables start as uniform and lose that by a store of a varying value or under a varying condition;
/// the walk is repeated until nothing changes.
struct Uniformity {
    private let kernel: Kernel
    private var uniform: [Bool]
    private var variables: [Bool]
    private var changed = false
    private var reports = false

    /// Throws if a barrier or subgroup operation may be reached by some invocations only.
    static func check(_ kernel: Kernel) throws(KernelError) {
        var analysis = Uniformity(kernel)
        repeat {
            analysis.changed = false
            try analysis.block(kernel.body, true)
        } while analysis.changed
        analysis.reports = true
        try analysis.block(kernel.body, true)
    }

    private init(_ kernel: Kernel) {
        self.kernel = kernel
        uniform = [Bool](repeating: false, count: kernel.types.count)
        variables = [Bool](repeating: true, count: kernel.variables.count)
    }

    private func isUniform(_ operation: Operation) -> Bool {
        let operands = operation.operands.allSatisfy { uniform[$0.index] }
        switch operation {
        case .builtin(let builtin):
            switch builtin {
            case .workgroupID, .workgroupCount, .workgroupSize, .subgroupSize, .subgroupCount: return true
            case .globalID, .localID, .localIndex, .subgroupID, .subgroupLane: return false
            }
        case .load(let place):
            switch place {
            case .variable(let variable): return variables[variable]
            case .table: return operands
            case .workgroup: return false
            case .buffer(let buffer, _):
                let slot = kernel.buffers[buffer].slot
                return operands && kernel.buffers.allSatisfy { $0.slot != slot || $0.access == .read }
            }
        case .atomic, .compareExchange, .subgroup, .broadcast, .shuffle, .shuffleXor: return false
        case .constant, .pushConstant, .specialization, .unary, .binary, .compare, .select, .multiplyAdd, .convert,
            .bitcast, .construct, .extract:
            return operands
        }
    }

    private mutating func block(_ statements: [Statement], _ together: Bool) throws(KernelError) {
        for statement in statements {
            switch statement {
            case .define(let id, let operation, _):
                uniform[id.index] = isUniform(operation)
                switch operation {
                case .subgroup, .broadcast, .shuffle, .shuffleXor:
                    if reports, !together {
                        throw .divergentBarrier("\(operation.keyword) where not all invocations are sure to arrive")
                    }
                default: break
                }
            case .store(let place, let value):
                if case .variable(let variable) = place, variables[variable], !(together && uniform[value.index]) {
                    variables[variable] = false
                    changed = true
                }
            case .barrier:
                if reports, !together {
                    throw .divergentBarrier("a barrier where not all invocations are sure to arrive")
                }
            case .matrix:
                if reports, !together {
                    throw .divergentBarrier("a matrix operation where not all invocations are sure to arrive")
                }
            case .conditional(let condition, let then, let otherwise):
                let inside = together && uniform[condition.index]
                try block(then, inside)
                try block(otherwise, inside)
            case .loop(let counter, let from, let to, _, let body):
                let bounds = uniform[from.index] && uniform[to.index]
                uniform[counter.index] = bounds
                try block(body, together && bounds)
            case .whileLoop(let before, let condition, let body):
                // Whether the test is uniform is known after a walk over it; the test itself runs again and again.
                let silent = reports
                reports = false
                try block(before, together)
                reports = silent
                let inside = together && uniform[condition.index]
                try block(before, inside)
                try block(body, inside)
            }
        }
    }
}
