// Heterodyne: memory of kernels under construction.
// SPDX-License-Identifier: Apache-2.0

/// An array in memory while a kernel is built.
public struct MemoryArray {
    let builder: KernelBuilder
    let element: KernelType
    let place: (ValueID) -> Place

    /// The element at an index. A 32-bit or 64-bit integer counts elements.
    public subscript(index: KernelValue) -> KernelValue {
        get { builder.define(.load(place(index.id)), element) }
        nonmutating set { builder.append(.store(place(index.id), newValue.id)) }
    }

    /// The element at a constant index.
    public subscript(index: Int) -> KernelValue {
        get { self[builder.constant(index, .u32)] }
        nonmutating set { self[builder.constant(index, .u32)] = newValue }
    }

    /// Changes an element atomically, gives what was there before.
    @discardableResult
    public func atomic(_ operation: AtomicOperator, _ index: KernelValue, _ value: KernelValue) -> KernelValue {
        builder.define(.atomic(operation, place(index.id), value.id), element)
    }

    /// Stores the replacement if the expected value is there; gives what was there before.
    @discardableResult
    public func compareExchange(_ index: KernelValue, expected: KernelValue, replacement: KernelValue) -> KernelValue {
        builder.define(
            .compareExchange(place(index.id), expected: expected.id, replacement: replacement.id), element)
    }
}

/// A variable of the invocation while a kernel is built.
public struct Variable {
    let builder: KernelBuilder
    let index: Int
    let type: KernelType

    /// What the variable holds.
    public var value: KernelValue {
        get { builder.define(.load(.variable(index)), type) }
        nonmutating set { builder.append(.store(.variable(index), newValue.id)) }
    }
}

extension KernelBuilder {
    /// Declares a storage buffer. Its slot is the next one, unless it shows another buffer's memory as another type.
    public func buffer(_ name: String, _ element: KernelType, _ access: BufferAccess, slot: Int? = nil) -> MemoryArray {
        let next = (kernel.buffers.map(\.slot).max() ?? -1) + 1
        kernel.buffers.append(BufferDeclaration(name: name, element: element, access: access, slot: slot ?? next))
        let index = kernel.buffers.count - 1
        return MemoryArray(builder: self, element: element) { .buffer(index, index: $0) }
    }

    /// Declares an array in workgroup memory. What it holds at first is undefined.
    public func workgroupArray(_ name: String, _ element: KernelType, count: Int) -> MemoryArray {
        kernel.workgroupArrays.append(WorkgroupArray(name: name, element: element, count: count))
        let index = kernel.workgroupArrays.count - 1
        return MemoryArray(builder: self, element: element) { .workgroup(index, index: $0) }
    }

    /// A constant table, declared once for each name.
    public func table(_ name: String, _ element: KernelType, _ values: [UInt64]) -> MemoryArray {
        let table = ConstantTable(name: name, element: element, values: values)
        let index: Int
        if let known = kernel.tables.firstIndex(where: { $0.name == name }) {
            if kernel.tables[known] != table { fail(.redefinition("table \(name)")) }
            index = known
        } else {
            kernel.tables.append(table)
            index = kernel.tables.count - 1
        }
        return MemoryArray(builder: self, element: element) { .table(index, index: $0) }
    }

    /// Declares a variable of the invocation with its first value.
    public func variable(_ initial: KernelValue) -> Variable {
        kernel.variables.append(initial.type)
        let variable = Variable(builder: self, index: kernel.variables.count - 1, type: initial.type)
        variable.value = initial
        return variable
    }
}
