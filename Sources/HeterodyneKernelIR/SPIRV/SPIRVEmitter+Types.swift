// Heterodyne: types, constants and declarations in SPIR-V.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension SPIRVEmitter {
    /// A type, declared once.
    mutating func type(_ opcode: Opcode, _ operands: [UInt32]) -> UInt32 {
        let key = [UInt32(opcode.rawValue)] + operands
        if let id = known[key] { return id }
        let id = newID()
        Self.append(opcode, [id] + operands, to: &globals)
        known[key] = id
        return id
    }

    /// The type of a value in registers. bfloat16 lives in the low half of a u32.
    mutating func typeID(_ type: KernelType) -> UInt32 {
        let scalar: UInt32
        switch type.scalar {
        case .bool: scalar = self.type(.typeBool, [])
        case .bfloat16: scalar = self.type(.typeInt, [32, 0])
        case .float16, .float32, .float64:
            if type.scalar == .float64 { require(.float64) }
            scalar = self.type(.typeFloat, [UInt32(type.bits)])
        case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .int4, .uint4, .float8e4m3fn,
            .float8e5m2:
            if type.bits == 64 { require(.int64) }
            scalar = self.type(.typeInt, [UInt32(type.bits), type.isSigned ? 1 : 0])
        }
        return type.width == 1 ? scalar : self.type(.typeVector, [scalar, UInt32(type.width)])
    }

    /// The type of an element in a buffer: bool takes a byte, bfloat16 two.
    func storage(_ type: KernelType) -> KernelType {
        switch type.scalar {
        case .bool: type.with(scalar: .uint8)
        case .bfloat16: type.with(scalar: .uint16)
        default: type
        }
    }

    /// Arithmetic on narrow types needs more than loading and storing them does.
    mutating func requireArithmetic(_ type: KernelType) {
        switch type.scalar {
        case .float16: require(.float16)
        case .int16, .uint16: require(.int16)
        case .int8, .uint8: require(.int8)
        default: break
        }
    }

    mutating func pointer(_ storage: SPIRVStorageClass, _ pointee: UInt32) -> UInt32 {
        type(.typePointer, [storage.rawValue, pointee])
    }

    /// The words of a literal: at least 32 bits, extended as its type says.
    static func literal(_ bits: UInt64, _ type: KernelType) -> [UInt32] {
        if type.bits == 64 { return [UInt32(truncatingIfNeeded: bits), UInt32(truncatingIfNeeded: bits >> 32)] }
        if type.isSigned { return [UInt32(truncatingIfNeeded: Literal.signed(bits, type.bits))] }
        return [UInt32(truncatingIfNeeded: bits)]
    }

    /// A constant with the same bits in every component, declared once.
    mutating func constant(_ bits: UInt64, _ type: KernelType) -> UInt32 {
        constant([UInt64](repeating: bits, count: type.width), type)
    }

    /// A constant, declared once.
    mutating func constant(_ bits: [UInt64], _ type: KernelType) -> UInt32 {
        let typeID = typeID(type)
        let opcode: Opcode
        var operands: [UInt32] = []
        if bits.count > 1 {
            for part in bits { operands.append(constant([part], type.with(width: 1))) }
            opcode = .constantComposite
        } else if type.scalar == .bool {
            opcode = bits.first == 1 ? .constantTrue : .constantFalse
        } else {
            operands = Self.literal(bits.first ?? 0, type)
            opcode = .constant
        }
        return uniqueConstant(opcode, typeID, operands)
    }

    mutating func uniqueConstant(_ opcode: Opcode, _ type: UInt32, _ operands: [UInt32]) -> UInt32 {
        let key = [UInt32(opcode.rawValue), type] + operands
        if let id = known[key] { return id }
        let id = newID()
        Self.append(opcode, [type, id] + operands, to: &globals)
        known[key] = id
        return id
    }

    mutating func declareSpecializations() throws(KernelError) {
        for constant in kernel.specializations {
            let (type, id) = (typeID(constant.type), newID())
            if constant.type == .bool {
                let opcode: Opcode = constant.value == 1 ? .specConstantTrue : .specConstantFalse
                Self.append(opcode, [type, id], to: &globals)
            } else {
                let value = Self.literal(constant.value, constant.type)
                Self.append(.specConstant, [type, id] + value, to: &globals)
            }
            decorate(id, .specId, [constant.id])
            name(id, constant.name)
            specializations.append(id)
        }
    }

    /// A variable outside of the function.
    mutating func global(
        _ storage: SPIRVStorageClass, _ pointee: UInt32, _ text: String, initializer: UInt32? = nil
    ) -> UInt32 {
        let (type, id) = (pointer(storage, pointee), newID())
        let initial = initializer.map { [$0] } ?? []
        Self.append(.variable, [type, id, storage.rawValue] + initial, to: &globals)
        name(id, text)
        // Since SPIR-V 1.4 the entry point lists every global variable, before only inputs and outputs.
        if storage == .input || options.version >= .v14 { interface.append(id) }
        return id
    }

    /// The struct of one runtime array that a buffer is.
    mutating func bufferType(_ buffer: BufferDeclaration) -> UInt32 {
        let element = storage(buffer.element)
        if element.bits == 8 { require(.storageBuffer8BitAccess) }
        if element.bits == 16 { require(.storageBuffer16BitAccess) }
        if element.bits == 8, options.version < .v15 { extensions.insert("SPV_KHR_8bit_storage") }
        let elementID = typeID(element)
        let before = nextID
        let array = type(.typeRuntimeArray, [elementID])
        if array >= before { decorate(array, .arrayStride, [UInt32(element.byteCount)]) }
        let id = newID()
        Self.append(.typeStruct, [id, array], to: &globals)
        decorate(id, .block)
        Self.append(.memberDecorate, [id, 0, SPIRVDecoration.offset.rawValue, 0], to: &decorations)
        switch buffer.access {
        case .read: Self.append(.memberDecorate, [id, 0, SPIRVDecoration.nonWritable.rawValue], to: &decorations)
        case .write: Self.append(.memberDecorate, [id, 0, SPIRVDecoration.nonReadable.rawValue], to: &decorations)
        case .readWrite: break
        }
        return id
    }

    mutating func declareMemory() throws(KernelError) {
        var members: [UInt32] = []
        var offsets: [Int] = []
        if options.memory == .addresses {
            require(.physicalStorageBufferAddresses)
            // Part of the core since SPIR-V 1.5.
            if options.version < .v15 { extensions.insert("SPV_KHR_physical_storage_buffer") }
            for slot in Set(kernel.buffers.map(\.slot)).sorted() {
                layout.addresses[slot] = layout.byteCount
                offsets.append(layout.byteCount)
                // A slot seen as two types is an address once: the pointer is cast where it is loaded.
                members.append(typeID(KernelType(.uint32, 2)))
                layout.byteCount += 8
            }
        }
        for buffer in kernel.buffers {
            let type = bufferType(buffer)
            switch options.memory {
            case .descriptors:
                let id = global(.storageBuffer, type, buffer.name)
                decorate(id, .descriptorSet, [0])
                decorate(id, .binding, [UInt32(truncatingIfNeeded: buffer.slot)])
                if kernel.buffers.count(where: { $0.slot == buffer.slot }) > 1 { decorate(id, .aliased) }
                bufferBases.append(id)
            case .addresses: bufferBases.append(pointer(.physicalStorageBuffer, type))
            }
        }
        for constant in kernel.pushConstants {
            let size = constant.type.byteCount
            let offset = (layout.byteCount + size - 1) / size * size
            layout.constants.append(offset)
            offsets.append(offset)
            members.append(typeID(constant.type))
            layout.byteCount = offset + size
        }
        if !members.isEmpty {
            let id = newID()
            Self.append(.typeStruct, [id] + members, to: &globals)
            decorate(id, .block)
            for (index, offset) in offsets.enumerated() {
                let operands = [id, UInt32(index), SPIRVDecoration.offset.rawValue, UInt32(offset)]
                Self.append(.memberDecorate, operands, to: &decorations)
            }
            pushBlock = global(.pushConstant, id, "push")
            pushMembers = members
        }
        for array in kernel.workgroupArrays {
            requireArithmetic(array.element)
            let element = typeID(array.element)
            let count = constant(UInt64(array.count), .u32)
            let type = self.type(.typeArray, [element, count])
            workgroupArrays.append(global(.workgroup, type, array.name))
        }
        for table in kernel.tables {
            requireArithmetic(table.element)
            let element = typeID(table.element)
            let count = constant(UInt64(table.values.count), .u32)
            let type = self.type(.typeArray, [element, count])
            var parts: [UInt32] = []
            for value in table.values { parts.append(constant(value, table.element)) }
            let initial = uniqueConstant(.constantComposite, type, parts)
            tables.append(global(.private, type, table.name, initializer: initial))
        }
        for (index, variable) in kernel.variables.enumerated() {
            requireArithmetic(variable)
            let pointer = pointer(.function, typeID(variable))
            let id = newID()
            Self.append(.variable, [pointer, id, SPIRVStorageClass.function.rawValue], to: &locals)
            name(id, "v\(index)")
            variables.append(id)
        }
    }
}
