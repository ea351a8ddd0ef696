// Heterodyne: rounds, converts and stores the sums of a product, with elementwise work on them in registers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Stores finished sums: rounds them, runs the epilogue on them, and writes the results.
struct DotStore {
    let dot: DotClass
    let frame: DotPlace
    let code: ScalarCode
    private var operands: [MemoryArray] = []
    private var results: [MemoryArray] = []
    private var resultTypes: [ScalarType] = []

    /// Declares the buffers behind those that the kernel has.
    init(_ frame: DotPlace, _ code: ScalarCode) {
        let k = frame.builder
        self.frame = frame
        self.code = code
        dot = frame.dot
        let width = dot.hasVectorColumns && !dot.transposesResult ? 4 : 1
        for (index, operand) in (dot.epilogue?.operands ?? []).enumerated() {
            let element = ScalarCode.memory(operand.type)
            let isVector = dot.hasVectorColumns && operand.isVector
            operands.append(k.buffer("e\(index)", isVector ? element.with(width: 4) : element, .read))
        }
        if dot.hasSplits {
            results = [k.buffer("partial", dot.types.sum.with(width: width), .write)]
        } else {
            resultTypes = dot.epilogue?.plan.outputs.map(\.type) ?? [dot.types.result]
            for (index, type) in resultTypes.enumerated() {
                results.append(k.buffer("y\(index)", ScalarCode.memory(type).with(width: width), .write))
            }
        }
    }

    /// Stores the sums at a row and a column, or at 4 columns from a multiple of 4 on.
    func store(_ sums: KernelValue, row: KernelValue, column: KernelValue) throws(KernelError) {
        let index = dot.indexType.scalar
        let (r, c) = (row.converted(to: index), column.converted(to: index))
        let place =
            frame.resultBase
            + (dot.transposesResult
                ? c * frame.rows.converted(to: index) + r : r * frame.columns.converted(to: index) + c)
        if dot.hasSplits {
            write(sums, to: results[0], place)
            return
        }
        let types = dot.types
        var value = code.rounded(sums, to: types.accumulation)
        value = code.convert(value, from: types.accumulation, to: types.result)
        var values = [value]
        if let epilogue = dot.epilogue {
            var inputs: [KernelValue] = []
            for (operand, array) in zip(epilogue.operands, operands) {
                inputs.append(load(operand, array, r, c, sums.type.width))
            }
            values = try epilogue.plan.evaluate(code, operands: inputs, produced: value, width: sums.type.width)
        }
        for (index, value) in values.enumerated() {
            write(code.encode(value, resultTypes[index]), to: results[index], place)
        }
    }

    private func write(_ value: KernelValue, to array: MemoryArray, _ place: KernelValue) {
        if value.type.width == 1 {
            array[place] = value
        } else if dot.transposesResult {
            let step = frame.rows.converted(to: dot.indexType.scalar)
            for part in 0..<value.type.width { array[place + step * part] = value[part] }
        } else {
            array[place >> 2] = value
        }
    }

    private func load(
        _ operand: DotEpilogue.Operand, _ array: MemoryArray, _ row: KernelValue, _ column: KernelValue, _ width: Int
    ) -> KernelValue {
        var place = row.like(0) + row.builder.constant(bits: UInt64(operand.origin), row.type)
        let parts: [(KernelValue?, Int)] = [
            (row, operand.rowStride), (column, operand.columnStride), (frame.outer, operand.outerStride),
            (frame.inner, operand.innerStride),
        ]
        for (coordinate, stride) in parts where stride != 0 {
            if let coordinate { place = place + IndexSpace.scaled(coordinate, stride) }
        }
        if width == 1 { return code.decode(array[place], operand.type) }
        if operand.isVector { return code.decode(array[place >> 2], operand.type) }
        let first = code.decode(array[place], operand.type)
        if operand.columnStride == 0 { return frame.builder.splat(first, width) }
        let step = row.builder.constant(bits: 0, row.type)
        func part(_ index: Int) -> KernelValue {
            code.decode(
                array[place + step + IndexSpace.scaled(row.like(index), operand.columnStride)], operand.type)
        }
        return frame.builder.vector(first, part(1), part(2), part(3))
    }
}
