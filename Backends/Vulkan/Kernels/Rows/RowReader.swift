// Heterodyne: the part of the row kernels that finds their elements.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Loads and stores elements of operands by row and column while a kernel is built.
struct RowReader {
    let builder: KernelBuilder
    let code: ScalarCode
    let space: RowSpace
    /// Places of index zero: one push constant for each operand.
    private var origins: [KernelValue] = []
    private var arrays: [MemoryArray] = []
    private var types: [ScalarType] = []

    init(_ builder: KernelBuilder, _ code: ScalarCode, _ space: RowSpace) {
        self.builder = builder
        self.code = code
        self.space = space
    }

    /// Declares the next operand: its buffer and the push constant with its origin.
    mutating func declare(_ name: String, _ type: ScalarType, _ access: BufferAccess) {
        let index = arrays.count
        let memory = ScalarCode.memory(type)
        let element = space.usesVectors[index] ? memory.with(width: 4) : memory
        arrays.append(builder.buffer(name, element, access))
        origins.append(builder.pushConstant("\(name)_origin", space.indexType))
        types.append(type)
    }

    /// Operands so far.
    var count: Int { arrays.count }

    /// The place of index zero in an operand.
    func origin(_ operand: Int) -> KernelValue { origins[operand] }

    /// The places of a row in all operands.
    func row(_ index: KernelValue) -> [KernelValue] {
        let coordinates = space.rows.coordinates(of: index)
        return arrays.indices.map { space.rows.place($0, coordinates, origin: origins[$0]) }
    }

    /// The place of a column of a row.
    func place(_ operand: Int, _ row: [KernelValue], _ column: KernelValue) -> KernelValue {
        space.columns.place(operand, space.columns.coordinates(of: column), origin: row[operand])
    }

    /// An element, or a vector of them, in registers. Elements that a whole vector shares are repeated.
    func load(_ operand: Int, _ row: [KernelValue], _ column: KernelValue) -> KernelValue {
        let value = code.decode(arrays[operand][place(operand, row, column)], types[operand])
        return space.width > 1 && value.type.width == 1 ? builder.splat(value, space.width) : value
    }

    /// Writes values of the operand's type.
    func store(_ operand: Int, _ row: [KernelValue], _ column: KernelValue, _ value: KernelValue) {
        arrays[operand][place(operand, row, column)] = code.encode(value, types[operand])
    }

    /// Writes the one value of a row.
    func store(_ operand: Int, _ row: [KernelValue], _ value: KernelValue) {
        arrays[operand][row[operand]] = code.encode(value, types[operand])
    }
}

extension KernelBuilder {
    /// The block for every `team.size`-th column from `from + lane` on, below `to`, several at once where that many are
    /// left: `body` is told which of them it is (0 ..< `unroll`), so that it can use different accumulators.
    func columns(
        from: KernelValue, to: KernelValue, _ team: RowTeam, unroll: Int, body: (KernelValue, Int) -> Void
    ) {
        let step = team.shape.size
        let start = step == 1 ? from : from + team.lane.converted(to: from.type.scalar)
        guard unroll > 1 else {
            loop(from: start, to: to, step: UInt32(step)) { body($0, 0) }
            return
        }
        // Where `reach` more columns are there, the whole block is.
        let reach = (unroll - 1) * step
        let last = select(to .> to.like(reach), to - reach, to.like(0))
        let position = variable(start)
        `while`(position.value .< last) {
            let column = position.value
            for part in 0..<unroll { body(part == 0 ? column : column + part * step, part) }
            position.value = column + unroll * step
        }
        loop(from: position.value, to: to, step: UInt32(step)) { body($0, 0) }
    }
}
