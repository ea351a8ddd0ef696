// Heterodyne: memory of the interpreter, with its checks.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// An array in workgroup memory that knows who touched which element since the last barrier.
struct SharedArray {
    /// Who touched an element, and after how many barriers.
    struct Touch {
        var lane = -1
        var epoch = -1
        /// Whether other invocations did so too.
        var isShared = false
        var isAtomic = false

        func conflicts(with other: Int, epoch now: Int) -> Bool { epoch == now && (lane != other || isShared) }

        mutating func add(_ other: Int, _ now: Int, atomic: Bool) {
            isShared = epoch == now && (isShared || lane != other)
            (lane, epoch, isAtomic) = (other, now, atomic)
        }
    }

    let name: String
    let width: Int
    var words: [UInt64]
    var reads: [Touch]
    var writes: [Touch]

    init(name: String, width: Int, count: Int) {
        self.name = name
        self.width = width
        words = [UInt64](repeating: 0, count: count * width)
        reads = [Touch](repeating: Touch(), count: count)
        writes = [Touch](repeating: Touch(), count: count)
    }

    mutating func willRead(_ index: Int, _ lane: Int, _ epoch: Int, atomic: Bool) throws(KernelError) {
        guard writes[index].epoch >= 0 else {
            throw .undefinedBehaviour("\(name)[\(index)] is read before anyone wrote it")
        }
        if !(atomic && writes[index].isAtomic), writes[index].conflicts(with: lane, epoch: epoch) {
            throw .undefinedBehaviour("\(name)[\(index)] is read and written without a barrier between")
        }
        if !atomic { reads[index].add(lane, epoch, atomic: false) }
    }

    mutating func willWrite(_ index: Int, _ lane: Int, _ epoch: Int, atomic: Bool) throws(KernelError) {
        let races = !(atomic && writes[index].isAtomic) && writes[index].conflicts(with: lane, epoch: epoch)
        if races || reads[index].conflicts(with: lane, epoch: epoch) {
            throw .undefinedBehaviour("\(name)[\(index)] is written by several invocations without a barrier between")
        }
        writes[index].add(lane, epoch, atomic: atomic)
    }
}

extension WorkgroupMachine {
    /// The index that a lane asks for, if it is below `count`.
    private func index(_ id: ValueID, _ lane: Int, below count: Int, of name: String) throws(KernelError) -> Int {
        let type = kernel.types[id.index]
        let bits = values[id.index][lane]
        let number = type.isSigned ? Int(Literal.signed(bits, type.bits)) : Int(exactly: bits) ?? .max
        try check(number, below: count, of: name, lane)
        return number
    }

    private func check(_ number: Int, below count: Int, of name: String, _ lane: Int) throws(KernelError) {
        guard number >= 0, number < count else {
            throw .undefinedBehaviour("\(name)[\(number)] with \(count) elements, group \(group), invocation \(lane)")
        }
    }

    private func bytes(_ buffer: BufferDeclaration) -> Int { buffers[buffer.slot]?.count ?? 0 }

    private func read(_ buffer: BufferDeclaration, _ index: Int, _ part: Int) -> UInt64 {
        let size = buffer.element.byteCount / buffer.element.width
        let start = index * buffer.element.byteCount + part * size
        var word: UInt64 = 0
        for byte in 0..<size { word |= UInt64(buffers[buffer.slot, default: []][start + byte]) << UInt64(8 * byte) }
        return buffer.element.scalar == .bool ? (word == 0 ? 0 : 1) : word
    }

    private func write(_ buffer: BufferDeclaration, _ index: Int, _ part: Int, _ word: UInt64) {
        let size = buffer.element.byteCount / buffer.element.width
        let start = index * buffer.element.byteCount + part * size
        for byte in 0..<size {
            buffers[buffer.slot, default: []][start + byte] = UInt8(truncatingIfNeeded: word >> UInt64(8 * byte))
        }
    }

    func load(_ place: Place, _ type: KernelType, _ result: inout [UInt64]) throws(KernelError) {
        let width = type.width
        switch place {
        case .buffer(let number, let id):
            let buffer = kernel.buffers[number]
            let count = bytes(buffer) / type.byteCount
            for lane in active {
                let index = try index(id, lane, below: count, of: buffer.name)
                for part in 0..<width { result[lane * width + part] = read(buffer, index, part) }
            }
        case .workgroup(let array, let id):
            let declaration = kernel.workgroupArrays[array]
            for lane in active {
                let index = try index(id, lane, below: declaration.count, of: declaration.name)
                try shared[array].willRead(index, lane, epoch, atomic: false)
                for part in 0..<width { result[lane * width + part] = shared[array].words[index * width + part] }
            }
        case .table(let number, let id):
            let table = kernel.tables[number]
            for lane in active {
                result[lane] = table.values[try index(id, lane, below: table.values.count, of: table.name)]
            }
        case .variable(let variable):
            for lane in active {
                for i in lane * width..<(lane + 1) * width { result[i] = variables[variable][i] }
            }
        }
    }

    func store(_ place: Place, _ value: ValueID) throws(KernelError) {
        let type = kernel.types[value.index]
        let (words, width) = (values[value.index], type.width)
        switch place {
        case .buffer(let number, let id):
            let buffer = kernel.buffers[number]
            let count = bytes(buffer) / type.byteCount
            for lane in active {
                let index = try index(id, lane, below: count, of: buffer.name)
                for part in 0..<width { write(buffer, index, part, words[lane * width + part]) }
            }
        case .workgroup(let array, let id):
            let declaration = kernel.workgroupArrays[array]
            for lane in active {
                let index = try index(id, lane, below: declaration.count, of: declaration.name)
                try shared[array].willWrite(index, lane, epoch, atomic: false)
                for part in 0..<width { shared[array].words[index * width + part] = words[lane * width + part] }
            }
        case .table: throw .access("a table is constant")
        case .variable(let variable):
            for lane in active {
                for i in lane * width..<(lane + 1) * width { variables[variable][i] = words[i] }
            }
        }
    }

    func atomicLoad(_ place: Place, _ lane: Int, _ type: KernelType) throws(KernelError) -> UInt64 {
        switch place {
        case .buffer(let number, let id):
            let buffer = kernel.buffers[number]
            let index = try index(id, lane, below: bytes(buffer) / type.byteCount, of: buffer.name)
            return read(buffer, index, 0)
        case .workgroup(let array, let id):
            let declaration = kernel.workgroupArrays[array]
            let index = try index(id, lane, below: declaration.count, of: declaration.name)
            try shared[array].willRead(index, lane, epoch, atomic: true)
            return shared[array].words[index]
        case .table, .variable: throw .access("atomics work on buffers and workgroup memory only")
        }
    }

    func atomicStore(_ place: Place, _ lane: Int, _ type: KernelType, _ word: UInt64) throws(KernelError) {
        switch place {
        case .buffer(let number, let id):
            let buffer = kernel.buffers[number]
            let index = try index(id, lane, below: bytes(buffer) / type.byteCount, of: buffer.name)
            write(buffer, index, 0, word)
        case .workgroup(let array, let id):
            let declaration = kernel.workgroupArrays[array]
            let index = try index(id, lane, below: declaration.count, of: declaration.name)
            try shared[array].willWrite(index, lane, epoch, atomic: true)
            shared[array].words[index] = word
        case .table, .variable: throw .access("atomics work on buffers and workgroup memory only")
        }
    }

    /// One component of an element whose index is computed by the interpreter.
    func readElement(_ place: Place, _ index: Int, _ part: Int, _ lane: Int) throws(KernelError) -> UInt64 {
        switch place {
        case .buffer(let number, _):
            let buffer = kernel.buffers[number]
            try check(index, below: bytes(buffer) / buffer.element.byteCount, of: buffer.name, lane)
            return read(buffer, index, part)
        case .workgroup(let array, _):
            let declaration = kernel.workgroupArrays[array]
            try check(index, below: declaration.count, of: declaration.name, lane)
            try shared[array].willRead(index, lane, epoch, atomic: false)
            return shared[array].words[index * declaration.element.width + part]
        case .table, .variable: throw .access("an element of a buffer or of workgroup memory was expected")
        }
    }

    func writeElement(
        _ place: Place, _ index: Int, _ part: Int, _ lane: Int, _ word: UInt64
    ) throws(KernelError) {
        switch place {
        case .buffer(let number, _):
            let buffer = kernel.buffers[number]
            try check(index, below: bytes(buffer) / buffer.element.byteCount, of: buffer.name, lane)
            write(buffer, index, part, word)
        case .workgroup(let array, _):
            let declaration = kernel.workgroupArrays[array]
            try check(index, below: declaration.count, of: declaration.name, lane)
            try shared[array].willWrite(index, lane, epoch, atomic: false)
            shared[array].words[index * declaration.element.width + part] = word
        case .table, .variable: throw .access("an element of a buffer or of workgroup memory was expected")
        }
    }
}
