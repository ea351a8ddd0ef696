// Heterodyne: matrices of subgroups in the interpreter.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension WorkgroupMachine {
    /// One step for every subgroup.
    func matrix(_ statement: MatrixStatement) throws(KernelError) {
        guard active.count == lanes, lanes % interpreter.subgroupSize == 0 else {
            throw .undefinedBehaviour("a matrix in a subgroup that is not full: \(active.count) of \(lanes) are there")
        }
        let all = active
        defer { active = all }
        for first in stride(from: 0, to: lanes, by: interpreter.subgroupSize) {
            for operand in statement.operands {
                let words = values[operand.index][first..<first + interpreter.subgroupSize]
                guard words.allSatisfy({ $0 == words[first] }) else {
                    throw .undefinedBehaviour("\(operand) of a matrix operation differs within a subgroup")
                }
            }
            for source in statement.sources where matrices[source][first / interpreter.subgroupSize].isEmpty {
                throw .undefinedBehaviour("matrix m\(source) is read before anything was assigned to it")
            }
            try step(statement, lane: first)
        }
    }

    private func step(_ statement: MatrixStatement, lane: Int) throws(KernelError) {
        let subgroup = lane / interpreter.subgroupSize
        func words(_ matrix: Int) -> [UInt64] { matrices[matrix][subgroup] }
        var result: [UInt64] = []
        switch statement {
        case .fill(let matrix, let value):
            result = [UInt64](repeating: values[value.index][lane], count: kernel.matrices[matrix].count)
        case .load(let matrix, let place, let stride, let layout):
            let type = kernel.matrices[matrix]
            for place in try places(place, type, stride, layout, lane) { result.append(try place.read()) }
        case .store(let matrix, let place, let stride, let layout):
            let found = try places(place, kernel.matrices[matrix], stride, layout, lane)
            for (place, word) in zip(found, words(matrix)) { try place.write(word) }
        case .multiplyAdd(let matrix, let a, let b, let c):
            result = try product(kernel.matrices[matrix], a, b, words(a), words(b), words(c))
        case .add(let matrix, let x, let y):
            let function = Scalars.binary(.add, kernel.matrices[matrix].scalar)
            for (left, right) in zip(words(x), words(y)) { result.append(try function(left, right)) }
        case .scale(let matrix, let x, let factor):
            let function = Scalars.binary(.multiply, kernel.matrices[matrix].scalar)
            for word in words(x) { result.append(try function(word, values[factor.index][lane])) }
        case .convert(let matrix, let x):
            let (from, to) = (kernel.matrices[x].scalar, kernel.matrices[matrix].scalar)
            for word in words(x) { result.append(try Scalars.convert(word, from, to)) }
        }
        if let matrix = statement.result { matrices[matrix][subgroup] = result }
        steps += result.count
    }

    /// Row after row, sums in the type of the accumulator from left to right.
    private func product(
        _ type: MatrixType, _ a: Int, _ b: Int, _ x: [UInt64], _ y: [UInt64], _ c: [UInt64]
    ) throws(KernelError) -> [UInt64] {
        let (left, right, depth) = (kernel.matrices[a].scalar, kernel.matrices[b].scalar, kernel.matrices[a].columns)
        let multiply = Scalars.binary(.multiply, type.scalar)
        let add = Scalars.binary(.add, type.scalar)
        var result = c
        steps += type.count * depth
        for row in 0..<type.rows {
            for column in 0..<type.columns {
                var sum = c[row * type.columns + column]
                for k in 0..<depth {
                    let p = try Scalars.convert(x[row * depth + k], left, type.scalar)
                    let q = try Scalars.convert(y[k * type.columns + column], right, type.scalar)
                    sum = try add(sum, multiply(p, q))
                }
                result[row * type.columns + column] = sum
            }
        }
        return result
    }

    /// An element of an array, as one invocation sees it.
    private struct Element {
        let machine: WorkgroupMachine
        let place: Place
        let index: Int
        let part: Int
        let lane: Int

        func read() throws(KernelError) -> UInt64 { try machine.readElement(place, index, part, lane) }
        func write(_ word: UInt64) throws(KernelError) { try machine.writeElement(place, index, part, lane, word) }
    }

    /// The places of a matrix's elements, row after row.
    private func places(
        _ place: Place, _ type: MatrixType, _ stride: ValueID, _ layout: MatrixLayout, _ lane: Int
    ) throws(KernelError) -> [Element] {
        func number(_ id: ValueID) -> Int {
            let (bits, type) = (values[id.index][lane], kernel.types[id.index])
            return type.isSigned ? Int(Literal.signed(bits, 32)) : Int(truncatingIfNeeded: bits)
        }
        let start = place.operands.first.map(number) ?? 0
        let step = number(stride)
        let width = try TypeRules(kernel: kernel).element(place, write: false, read: false).width
        var result: [Element] = []
        for row in 0..<type.rows {
            for column in 0..<type.columns {
                let (major, minor) = layout == .rowMajor ? (row, column) : (column, row)
                // Both count elements of the array, which may be vectors.
                let index = start + major * step + minor / width
                result.append(Element(machine: self, place: place, index: index, part: minor % width, lane: lane))
            }
        }
        return result
    }
}
