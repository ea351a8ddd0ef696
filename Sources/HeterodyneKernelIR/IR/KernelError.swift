// Heterodyne: what can be wrong with a kernel.
// SPDX-License-Identifier: Apache-2.0

/// An error of building, verifying, emitting or interpreting a kernel.
public enum KernelError: Error, Hashable, Sendable {
    /// An operation got operands of types that it is not defined on.
    case typeMismatch(String)
    /// A type that kernels do not have, or not in this place.
    case invalidType(String)
    /// A value is used where it is not defined: before its definition or outside of its block.
    case undefinedValue(String)
    /// A value is defined twice.
    case redefinition(String)
    /// A buffer, variable, array, table or constant that the kernel does not declare.
    case undeclared(String)
    /// A declaration that makes no sense, such as an empty workgroup.
    case invalidDeclaration(String)
    /// A write to something read-only, or a read of something write-only.
    case access(String)
    /// A barrier or subgroup operation where not all invocations are sure to arrive.
    case divergentBarrier(String)
    /// The kernel needs something that the device or the SPIR-V version lacks.
    case missingCapability(String)
    /// The interpreter met behaviour that the kernel language does not define.
    case undefinedBehaviour(String)
    /// The interpreter was given unfit arguments, or ran out of its step budget.
    case evaluation(String)
}

extension KernelError: CustomStringConvertible {
    /// What is wrong and where.
    public var description: String {
        switch self {
        case .typeMismatch(let text): "type mismatch: \(text)"
        case .invalidType(let text): "invalid type: \(text)"
        case .undefinedValue(let text): "undefined value: \(text)"
        case .redefinition(let text): "defined twice: \(text)"
        case .undeclared(let text): "not declared: \(text)"
        case .invalidDeclaration(let text): "invalid declaration: \(text)"
        case .access(let text): "forbidden access: \(text)"
        case .divergentBarrier(let text): "divergent barrier: \(text)"
        case .missingCapability(let text): "missing capability: \(text)"
        case .undefinedBehaviour(let text): "undefined behaviour: \(text)"
        case .evaluation(let text): "evaluation: \(text)"
        }
    }
}
