// Heterodyne: builds kernels.
// SPDX-License-Identifier: Apache-2.0

/// Builds a kernel from top to bottom.
///
/// The first mistake is kept, building goes on, and `finish()` throws it; so formulas need no `try`.
///
///     let k = KernelBuilder("axpy", workgroup: [64, 1, 1])
///     let x = k.buffer("x", .f32, .read), y = k.buffer("y", .f32, .readWrite)
///     let a = k.pushConstant("a", .f32), n = k.pushConstant("n", .u32)
///     let i = k.globalID(.x)
///     k.if(i .< n) { y[i] = k.multiplyAdd(a, x[i], y[i]) }
///     let kernel = try k.finish()
public final class KernelBuilder {
    var kernel: Kernel
    /// The blocks that are open, outermost first.
    var blocks: [[Statement]] = [[]]
    var error: KernelError?

    /// Whether the next operations may not be contracted with their neighbours (the default).
    public var exact = true

    /// Starts a kernel whose workgroup has fixed edges; missing ones are 1.
    public init(_ name: String, workgroup: [UInt32]) {
        let edges = (0..<3).map { WorkgroupEdge.fixed($0 < workgroup.count ? workgroup[$0] : 1) }
        kernel = Kernel(name: name, workgroup: edges)
        if workgroup.count > 3 { fail(.invalidDeclaration("a workgroup of \(workgroup.count) edges")) }
    }

    /// Makes an edge of the workgroup a u32 specialization constant.
    public func specializeWorkgroup(_ axis: Axis, name: String, id: UInt32) {
        let value = UInt64(kernel.workgroupExtent(axis))
        kernel.specializations.append(SpecializationDeclaration(name: name, id: id, type: .u32, value: value))
        kernel.workgroup[axis.rawValue] = .specialization(kernel.specializations.count - 1)
    }

    /// The finished, verified kernel.
    public func finish() throws(KernelError) -> Kernel {
        if let error { throw error }
        guard blocks.count == 1 else { throw .invalidDeclaration("a block is open") }
        var result = kernel
        result.body = blocks[0]
        try result.verify()
        return result
    }

    func fail(_ error: KernelError) {
        if self.error == nil { self.error = error }
    }

    func append(_ statement: Statement) { blocks[blocks.count - 1].append(statement) }

    func newValue(_ type: KernelType) -> KernelValue {
        kernel.types.append(type)
        return KernelValue(builder: self, id: ValueID(kernel.types.count - 1), type: type)
    }

    /// Appends an operation that gives a value of a type.
    public func define(_ operation: Operation, _ type: KernelType) -> KernelValue {
        do throws(KernelError) {
            try TypeRules(kernel: kernel).check(operation, gives: type)
        } catch {
            fail(error)
        }
        let value = newValue(type)
        append(.define(value.id, operation, exact: exact))
        return value
    }

    /// Runs `content` and gives what it appended as a block.
    func block(_ content: () -> Void) -> [Statement] {
        blocks.append([])
        content()
        return blocks.removeLast()
    }

    // MARK: Constants and numbers of the invocation

    /// A constant, rounded to the nearest value of the type, in every component.
    public func constant(_ value: Double, _ type: KernelType) -> KernelValue {
        if type.isInteger, let integer = Int(exactly: value) { return constant(integer, type) }
        guard let bits = Literal.bits(of: value, type.scalar) else {
            fail(.invalidType("the constant \(value) of type \(type)"))
            return constant(bits: 0, type)
        }
        return constant(bits: bits, type)
    }

    /// A constant in every component.
    public func constant(_ value: Int, _ type: KernelType) -> KernelValue {
        guard let bits = Literal.bits(of: value, type.scalar) else {
            fail(.invalidType("the constant \(value) of type \(type)"))
            return constant(bits: 0, type)
        }
        return constant(bits: bits, type)
    }

    /// A constant given by its bits, in every component.
    public func constant(bits: UInt64, _ type: KernelType) -> KernelValue {
        define(.constant([UInt64](repeating: bits, count: min(max(type.width, 1), 4))), type)
    }

    /// A truth value.
    public func constant(_ value: Bool) -> KernelValue { constant(bits: value ? 1 : 0, .bool) }

    /// A number of the invocation, u32.
    public func builtin(_ builtin: Builtin) -> KernelValue { define(.builtin(builtin), .u32) }
    /// Position in the whole grid.
    public func globalID(_ axis: Axis) -> KernelValue { builtin(.globalID(axis)) }
    /// Position in the workgroup.
    public func localID(_ axis: Axis) -> KernelValue { builtin(.localID(axis)) }
    /// Position of the workgroup in the grid.
    public func workgroupID(_ axis: Axis) -> KernelValue { builtin(.workgroupID(axis)) }

    /// Declares a push constant.
    public func pushConstant(_ name: String, _ type: KernelType) -> KernelValue {
        kernel.pushConstants.append(PushConstantDeclaration(name: name, type: type))
        return define(.pushConstant(kernel.pushConstants.count - 1), type)
    }

    /// Declares a specialization constant with the bits that it has by default.
    public func specialization(_ name: String, id: UInt32, _ type: KernelType, bits: UInt64) -> KernelValue {
        kernel.specializations.append(SpecializationDeclaration(name: name, id: id, type: type, value: bits))
        return define(.specialization(kernel.specializations.count - 1), type)
    }

    // MARK: Functions of several values

    /// a b + c, fused or rounded twice as the emission is told.
    public func multiplyAdd(_ a: KernelValue, _ b: KernelValue, _ c: KernelValue) -> KernelValue {
        define(.multiplyAdd(a.id, b.id, c.id), a.type)
    }

    /// `a` where the condition is true, else `b`.
    public func select(_ condition: KernelValue, _ a: KernelValue, _ b: KernelValue) -> KernelValue {
        define(.select(condition.id, a.id, b.id), a.type)
    }

    /// A vector of scalars.
    public func vector(_ parts: KernelValue...) -> KernelValue {
        guard let first = parts.first else {
            fail(.typeMismatch("a vector of nothing"))
            return constant(bits: 0, .u32)
        }
        return define(.construct(parts.map(\.id)), first.type.with(width: parts.count))
    }

    /// A vector with the scalar in every component.
    public func splat(_ value: KernelValue, _ width: Int) -> KernelValue {
        guard (2...4).contains(width) else { return value }
        return define(.construct([ValueID](repeating: value.id, count: width)), value.type.with(width: width))
    }

    /// A reduction over the active invocations of the subgroup.
    public func subgroup(_ operation: SubgroupOperator, _ value: KernelValue, _ extent: SubgroupExtent = .reduce)
        -> KernelValue
    {
        define(.subgroup(operation, extent, value.id), value.type)
    }

    /// The value of a lane that is the same for the whole subgroup.
    public func broadcast(_ value: KernelValue, lane: KernelValue) -> KernelValue {
        define(.broadcast(value.id, lane: lane.id), value.type)
    }

    /// The value of a lane.
    public func shuffle(_ value: KernelValue, lane: KernelValue) -> KernelValue {
        define(.shuffle(value.id, lane: lane.id), value.type)
    }

    /// The value of the lane whose number is the own one xor `mask`.
    public func shuffleXor(_ value: KernelValue, mask: KernelValue) -> KernelValue {
        define(.shuffleXor(value.id, mask: mask.id), value.type)
    }
}
