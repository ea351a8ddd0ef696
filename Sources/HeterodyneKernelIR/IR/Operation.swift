// Heterodyne: operations and statements of the kernel language.
// SPDX-License-Identifier: Apache-2.0

/// Names a value within its kernel.
public struct ValueID: Hashable, Sendable, CustomStringConvertible {
    /// Position in `Kernel.types`.
    public var index: Int

    /// The value at a position of `Kernel.types`.
    public init(_ index: Int) { self.index = index }

    /// For instance `%3`.
    public var description: String { "%\(index)" }
}

/// Something that can be loaded or stored. Indices are 32-bit or 64-bit integers and count elements.
public enum Place: Hashable, Sendable {
    /// Element of a storage buffer.
    case buffer(Int, index: ValueID)
    /// Element of an array in workgroup memory.
    case workgroup(Int, index: ValueID)
    /// Element of a constant table.
    case table(Int, index: ValueID)
    /// A variable of the invocation.
    case variable(Int)
}

/// An operation that gives a value.
public enum Operation: Hashable, Sendable {
    /// The bits of each component, in the low end.
    case constant([UInt64])
    /// A number of the invocation.
    case builtin(Builtin)
    /// A push constant.
    case pushConstant(Int)
    /// A specialization constant.
    case specialization(Int)
    /// An operation on one value.
    case unary(UnaryOperator, ValueID)
    /// An operation on two values.
    case binary(BinaryOperator, ValueID, ValueID)
    /// A comparison.
    case compare(Comparison, ValueID, ValueID)
    /// The second where the first is true, else the third. The condition has one component or as many as the values.
    case select(ValueID, ValueID, ValueID)
    /// a b + c: fused, or rounded twice, as the emission or interpretation is told.
    case multiplyAdd(ValueID, ValueID, ValueID)
    /// The value in another type; float to integer truncates and is undefined out of range, integers wrap.
    case convert(ValueID)
    /// The same bits in another type of the same size.
    case bitcast(ValueID)
    /// A vector of scalars.
    case construct([ValueID])
    /// One component.
    case extract(ValueID, Int)
    /// What is stored there.
    case load(Place)
    /// Changes memory atomically, gives what was there before.
    case atomic(AtomicOperator, Place, ValueID)
    /// Stores the replacement if the expected value is there; gives what was there before.
    case compareExchange(Place, expected: ValueID, replacement: ValueID)
    /// A reduction over the subgroup.
    case subgroup(SubgroupOperator, SubgroupExtent, ValueID)
    /// The value of a lane that is the same for the whole subgroup.
    case broadcast(ValueID, lane: ValueID)
    /// The value of a lane.
    case shuffle(ValueID, lane: ValueID)
    /// The value of the lane whose number is the own one xor `mask`.
    case shuffleXor(ValueID, mask: ValueID)
}

/// What a barrier orders, beside making the workgroup wait.
public enum BarrierMemory: String, Hashable, Sendable, CaseIterable {
    /// Workgroup memory.
    case workgroup
    /// Workgroup memory and storage buffers, within the workgroup.
    case buffers
}

/// One step of a kernel.
public indirect enum Statement: Hashable, Sendable {
    /// Gives a value a meaning. `exact` forbids contracting this operation with another one.
    case define(ValueID, Operation, exact: Bool)
    /// Writes to memory.
    case store(Place, ValueID)
    /// Makes the invocations of the workgroup wait for each other.
    case barrier(BarrierMemory)
    /// One of two blocks.
    case conditional(ValueID, then: [Statement], otherwise: [Statement])
    /// The block for counter = from, from + step, ... while counter < to. The step is a positive constant of the
    /// counter's type, a 32-bit or 64-bit integer.
    case loop(counter: ValueID, from: ValueID, to: ValueID, step: UInt32, [Statement])
    /// The block as long as the value, computed by the first block, is true.
    case whileLoop([Statement], condition: ValueID, [Statement])
    /// A step on matrices that the subgroup holds together.
    case matrix(MatrixStatement)
}
