// Heterodyne: a compute kernel.
// SPDX-License-Identifier: Apache-2.0

/// What a kernel does with a buffer.
public enum BufferAccess: String, Hashable, Sendable, CaseIterable {
    /// Only loads.
    case read
    /// Only stores.
    case write
    /// Loads, stores and atomics.
    case readWrite = "read_write"
}

/// A storage buffer: an array of one type, as long as what is bound.
public struct BufferDeclaration: Hashable, Sendable {
    /// For dumps and debuggers.
    public var name: String
    /// The type of an element: 1, 2 or 4 components. bool takes one byte.
    public var element: KernelType
    /// What the kernel may do with it.
    public var access: BufferAccess
    /// Which binding it is. Two buffers of one slot see the same memory as two types.
    public var slot: Int

    /// A buffer.
    public init(name: String, element: KernelType, access: BufferAccess, slot: Int) {
        self.name = name
        self.element = element
        self.access = access
        self.slot = slot
    }
}

/// A number that the caller gives with each dispatch.
public struct PushConstantDeclaration: Hashable, Sendable {
    /// For dumps and debuggers.
    public var name: String
    /// A scalar of 32 or 64 bits, or u32x2: 64 bits as two words, the low one first.
    public var type: KernelType

    /// A push constant.
    public init(name: String, type: KernelType) {
        self.name = name
        self.type = type
    }
}

/// A scalar that is fixed when the pipeline is made.
public struct SpecializationDeclaration: Hashable, Sendable {
    /// For dumps and debuggers.
    public var name: String
    /// The number by which the pipeline's maker names it.
    public var id: UInt32
    /// bool, or a scalar of 32 or 64 bits.
    public var type: KernelType
    /// The bits that it has when nothing is said.
    public var value: UInt64

    /// A specialization constant.
    public init(name: String, id: UInt32, type: KernelType, value: UInt64) {
        self.name = name
        self.id = id
        self.type = type
        self.value = value
    }
}

/// An array that the invocations of a workgroup share.
public struct WorkgroupArray: Hashable, Sendable {
    /// For dumps and debuggers.
    public var name: String
    /// The type of an element.
    public var element: KernelType
    /// How many elements.
    public var count: Int

    /// An array.
    public init(name: String, element: KernelType, count: Int) {
        self.name = name
        self.element = element
        self.count = count
    }
}

/// A constant array of scalars.
public struct ConstantTable: Hashable, Sendable {
    /// For dumps and debuggers.
    public var name: String
    /// The type of an element, a scalar.
    public var element: KernelType
    /// The bits of the elements.
    public var values: [UInt64]

    /// A table.
    public init(name: String, element: KernelType, values: [UInt64]) {
        self.name = name
        self.element = element
        self.values = values
    }
}

/// One edge of the workgroup.
public enum WorkgroupEdge: Hashable, Sendable {
    /// A fixed number of invocations.
    case fixed(UInt32)
    /// A u32 specialization constant, by its position.
    case specialization(Int)
}

/// A compute kernel: declarations and a body. Made by `KernelBuilder`, checked by `verify()`.
public struct Kernel: Hashable, Sendable {
    /// The name of the entry point.
    public var name: String
    /// The edges of the workgroup: x, y, z.
    public var workgroup: [WorkgroupEdge]
    /// Storage buffers.
    public var buffers: [BufferDeclaration] = []
    /// Push constants.
    public var pushConstants: [PushConstantDeclaration] = []
    /// Specialization constants.
    public var specializations: [SpecializationDeclaration] = []
    /// Arrays in workgroup memory.
    public var workgroupArrays: [WorkgroupArray] = []
    /// Constant tables.
    public var tables: [ConstantTable] = []
    /// The types of the variables of an invocation. A variable is stored to before it is loaded.
    public var variables: [KernelType] = []
    /// Matrices that a subgroup holds together, variables too.
    public var matrices: [MatrixType] = []
    /// The types of the values.
    public var types: [KernelType] = []
    /// What every invocation does.
    public var body: [Statement] = []

    /// An empty kernel.
    public init(name: String, workgroup: [WorkgroupEdge]) {
        self.name = name
        self.workgroup = workgroup
    }

    /// The edge along an axis when no specialization constant is changed.
    public func workgroupExtent(_ axis: Axis) -> UInt32 {
        guard axis.rawValue < workgroup.count else { return 1 }
        switch workgroup[axis.rawValue] {
        case .fixed(let count): return count
        case .specialization(let index):
            guard specializations.indices.contains(index) else { return 0 }
            return UInt32(truncatingIfNeeded: specializations[index].value)
        }
    }
}
