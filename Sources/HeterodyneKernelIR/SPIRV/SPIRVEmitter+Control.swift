// Heterodyne: statements in SPIR-V.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension SPIRVEmitter {
    mutating func block(_ statements: [Statement]) throws(KernelError) {
        for statement in statements {
            switch statement {
            case .define(let id, let operation, let exact):
                values[id.index] = try value(operation, kernel.types[id.index], id, exact)
            case .store(let place, let value): store(place, value)
            case .barrier(let memory):
                // Scopes: 2 is the workgroup. Semantics: acquire and release of workgroup memory, or of buffers too.
                let scope = constant(2, .u32)
                // The Vulkan memory model makes writes available and visible on demand.
                let visibility: UInt64 = usesVulkanMemoryModel ? 0x6000 : 0
                let semantics = constant((memory == .workgroup ? 0x108 : 0x148) | visibility, .u32)
                emit(.controlBarrier, [scope, scope, semantics])
            case .conditional(let condition, let then, let otherwise): try conditional(condition, then, otherwise)
            case .loop(let counter, let from, let to, let step, let body): try loop(counter, from, to, step, body)
            case .whileLoop(let before, let condition, let body): try whileLoop(before, condition, body)
            case .matrix(let step): matrix(step)
            }
        }
    }

    private mutating func conditional(
        _ condition: ValueID, _ then: [Statement], _ otherwise: [Statement]
    ) throws(KernelError) {
        let (first, merge) = (newID(), newID())
        let second = otherwise.isEmpty ? merge : newID()
        emit(.selectionMerge, [merge, 0])
        emit(.branchConditional, [values[condition.index], first, second])
        startBlock(first)
        try block(then)
        emit(.branch, [merge])
        if !otherwise.isEmpty {
            startBlock(second)
            try block(otherwise)
            emit(.branch, [merge])
        }
        startBlock(merge)
    }

    private mutating func loop(
        _ counter: ValueID, _ from: ValueID, _ to: ValueID, _ step: UInt32, _ body: [Statement]
    ) throws(KernelError) {
        let type = kernel.types[counter.index]
        let (typeID, boolID) = (typeID(type), self.typeID(.bool))
        let stepID = constant(UInt64(step), type)
        let (header, test, inside, next, merge) = (newID(), newID(), newID(), newID(), newID())
        let (id, following, before) = (newID(), newID(), currentLabel)
        values[counter.index] = id
        emit(.branch, [header])
        startBlock(header)
        emit(.phi, [typeID, id, values[from.index], before, following, next])
        emit(.loopMerge, [merge, next, 0])
        emit(.branch, [test])
        startBlock(test)
        let less = emit(type.isSigned ? .sLessThan : .uLessThan, boolID, [id, values[to.index]])
        emit(.branchConditional, [less, inside, merge])
        startBlock(inside)
        try block(body)
        emit(.branch, [next])
        startBlock(next)
        emit(.iAdd, [typeID, following, id, stepID])
        emit(.branch, [header])
        startBlock(merge)
    }

    private mutating func whileLoop(
        _ before: [Statement], _ condition: ValueID, _ body: [Statement]
    ) throws(KernelError) {
        let (header, test, inside, next, merge) = (newID(), newID(), newID(), newID(), newID())
        emit(.branch, [header])
        startBlock(header)
        emit(.loopMerge, [merge, next, 0])
        emit(.branch, [test])
        startBlock(test)
        try block(before)
        emit(.branchConditional, [values[condition.index], inside, merge])
        startBlock(inside)
        try block(body)
        emit(.branch, [next])
        startBlock(next)
        emit(.branch, [header])
        startBlock(merge)
    }

    // MARK: Memory

    /// Loads the addresses of all buffers, and makes pointers of them.
    mutating func loadAddresses() {
        guard options.memory == .addresses else { return }
        let words = typeID(KernelType(.uint32, 2))
        let member = pointer(.pushConstant, words)
        for (index, slot) in Set(kernel.buffers.map(\.slot)).sorted().enumerated() {
            let position = constant(UInt64(index), .u32)
            let place = emit(.accessChain, member, [pushBlock, position])
            let address = emit(.load, words, [place])
            for buffer in kernel.buffers.indices where kernel.buffers[buffer].slot == slot {
                if storage(kernel.buffers[buffer].element).bits < 32, options.capabilities?.contains("Int64") ?? true {
                    // Validators forbid other conversions than of width around narrow types, and count pointers in.
                    let number = emit(.bitcast, typeID(.u64), [address])
                    bufferBases[buffer] = emit(.convertUToPtr, bufferBases[buffer], [number])
                } else {
                    bufferBases[buffer] = emit(.bitcast, bufferBases[buffer], [address])
                }
            }
        }
    }

    /// A pointer to a place, and what a load or store through it has to say about alignment.
    mutating func pointer(to place: Place) -> (id: UInt32, access: [UInt32]) {
        switch place {
        case .buffer(let buffer, let index):
            let element = storage(kernel.buffers[buffer].element)
            let isAddress = options.memory == .addresses
            let type = pointer(isAddress ? .physicalStorageBuffer : .storageBuffer, typeID(element))
            let zero = constant(0, .u32)
            let id = emit(.accessChain, type, [bufferBases[buffer], zero, values[index.index]])
            // 2: aligned; 0x20: others may look at it.
            let flags: UInt32 = (isAddress ? 2 : 0) | (usesVulkanMemoryModel ? 0x20 : 0)
            return (id, flags == 0 ? [] : [flags] + (isAddress ? [UInt32(element.byteCount)] : []))
        case .workgroup(let array, let index):
            let type = pointer(.workgroup, typeID(kernel.workgroupArrays[array].element))
            let id = emit(.accessChain, type, [workgroupArrays[array], values[index.index]])
            return (id, usesVulkanMemoryModel ? [0x20] : [])
        case .table(let table, let index):
            let type = pointer(.private, typeID(kernel.tables[table].element))
            return (emit(.accessChain, type, [tables[table], values[index.index]]), [])
        case .variable(let variable): return (variables[variable], [])
        }
    }

    mutating func load(_ place: Place, _ type: KernelType) -> UInt32 {
        if case .buffer(let buffer, let index) = place, let texel = texel(buffer, index) { return texel }
        let (pointer, access) = pointer(to: place)
        guard case .buffer = place, storage(type) != type else {
            return emit(.load, typeID(type), [pointer] + access)
        }
        // Only conversions are allowed on types that are there for storage: go through 32 bits.
        let narrow = emit(.load, typeID(storage(type)), [pointer] + access)
        let wide = type.with(scalar: .uint32)
        let id = emit(.uConvert, typeID(wide), [narrow])
        return type.scalar == .bool ? emit(.iNotEqual, typeID(type), [id, constant(0, wide)]) : id
    }

    mutating func store(_ place: Place, _ value: ValueID) {
        let type = kernel.types[value.index]
        let (pointer, access) = pointer(to: place)
        var id = values[value.index]
        if case .buffer = place, storage(type) != type {
            let wide = type.with(scalar: .uint32)
            if type.scalar == .bool { id = emit(.select, typeID(wide), [id, constant(1, wide), constant(0, wide)]) }
            id = emit(.uConvert, typeID(storage(type)), [id])
        }
        emit(.store, [pointer, id] + access)
    }

    mutating func builtin(_ builtin: Builtin) -> UInt32 {
        func component(_ input: SPIRVBuiltIn, _ axis: Axis) -> UInt32 {
            let vector = load(input, KernelType(.uint32, 3))
            return emit(.compositeExtract, typeID(.u32), [vector, UInt32(axis.rawValue)])
        }
        func subgroup(_ input: SPIRVBuiltIn) -> UInt32 {
            require(.groupNonUniform)
            return load(input, .u32)
        }
        return switch builtin {
        case .globalID(let axis): component(.globalInvocationId, axis)
        case .localID(let axis): component(.localInvocationId, axis)
        case .workgroupID(let axis): component(.workgroupId, axis)
        case .workgroupCount(let axis): component(.numWorkgroups, axis)
        case .workgroupSize(let axis): workgroupEdge(kernel.workgroup[axis.rawValue])
        case .localIndex: load(.localInvocationIndex, .u32)
        case .subgroupSize: subgroup(.subgroupSize)
        case .subgroupCount: subgroup(.numSubgroups)
        case .subgroupID: subgroup(.subgroupId)
        case .subgroupLane: subgroup(.subgroupLocalInvocationId)
        }
    }

    private mutating func load(_ input: SPIRVBuiltIn, _ type: KernelType) -> UInt32 {
        let id = typeID(type)
        let variable: UInt32
        if let known = inputs[input] {
            variable = known
        } else {
            variable = global(.input, id, "\(input)")
            decorate(variable, .builtIn, [input.rawValue])
            inputs[input] = variable
        }
        return emit(.load, id, [variable])
    }
}
