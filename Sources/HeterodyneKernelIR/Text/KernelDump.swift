// Heterodyne: kernels as text.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension Kernel: CustomStringConvertible {
    /// The kernel as text, for people and for tests.
    public var description: String {
        var printer = KernelPrinter(kernel: self)
        return printer.print()
    }
}

/// Prints a kernel.
private struct KernelPrinter {
    let kernel: Kernel
    var text = ""

    mutating func print() -> String {
        let edges = kernel.workgroup.map { edge in
            switch edge {
            case .fixed(let count): "\(count)"
            case .specialization(let index): "spec \(name(kernel.specializations.map(\.name), index))"
            }
        }
        text = "kernel \(kernel.name) workgroup(\(edges.joined(separator: ", "))) {\n"
        for buffer in kernel.buffers {
            text += "    buffer \(buffer.name): \(buffer.element) \(buffer.access.rawValue) slot \(buffer.slot)\n"
        }
        for constant in kernel.pushConstants { text += "    push \(constant.name): \(constant.type)\n" }
        for constant in kernel.specializations {
            let value = Literal.text([constant.value], constant.type)
            text += "    spec \(constant.name): \(constant.type) = \(value) id \(constant.id)\n"
        }
        for array in kernel.workgroupArrays { text += "    shared \(array.name): \(array.element)[\(array.count)]\n" }
        for table in kernel.tables { text += "    table \(table.name): \(table.element)[\(table.values.count)]\n" }
        for (index, type) in kernel.variables.enumerated() { text += "    var v\(index): \(type)\n" }
        for (index, type) in kernel.matrices.enumerated() { text += "    matrix m\(index): \(type)\n" }
        block(kernel.body, 1)
        return text + "}"
    }

    func name(_ names: [String], _ index: Int) -> String {
        names.indices.contains(index) ? names[index] : "?\(index)"
    }

    func place(_ place: Place) -> String {
        switch place {
        case .buffer(let buffer, let index): "\(name(kernel.buffers.map(\.name), buffer))[\(index)]"
        case .workgroup(let array, let index): "\(name(kernel.workgroupArrays.map(\.name), array))[\(index)]"
        case .table(let table, let index): "\(name(kernel.tables.map(\.name), table))[\(index)]"
        case .variable(let variable): "v\(variable)"
        }
    }

    func operation(_ operation: Operation, _ type: KernelType) -> String {
        switch operation {
        case .constant(let bits): Literal.text(bits, type)
        case .builtin(let builtin): builtin.name
        case .pushConstant(let index): "push \(name(kernel.pushConstants.map(\.name), index))"
        case .specialization(let index): "spec \(name(kernel.specializations.map(\.name), index))"
        case .unary(let operation, let a): "\(operation.rawValue) \(a)"
        case .binary(let operation, let a, let b): "\(operation.rawValue) \(a), \(b)"
        case .compare(let comparison, let a, let b): "\(comparison.rawValue) \(a), \(b)"
        case .select(let c, let a, let b): "select \(c), \(a), \(b)"
        case .multiplyAdd(let a, let b, let c): "muladd \(a), \(b), \(c)"
        case .convert(let a): "convert \(a)"
        case .bitcast(let a): "bitcast \(a)"
        case .construct(let parts): "construct \(parts.map(\.description).joined(separator: ", "))"
        case .extract(let a, let index): "extract \(a), \(index)"
        case .load(let source): "load \(place(source))"
        case .atomic(let operation, let target, let value): "atomic_\(operation.rawValue) \(place(target)), \(value)"
        case .compareExchange(let target, let expected, let replacement):
            "atomic_compare_exchange \(place(target)), \(expected), \(replacement)"
        case .subgroup(let operation, let extent, let a):
            "subgroup_\(operation.rawValue) \(extent.rawValue) \(a)"
        case .broadcast(let a, let lane): "subgroup_broadcast \(a), \(lane)"
        case .shuffle(let a, let lane): "subgroup_shuffle \(a), \(lane)"
        case .shuffleXor(let a, let mask): "subgroup_shuffle_xor \(a), \(mask)"
        }
    }

    func matrix(_ step: MatrixStatement) -> String {
        switch step {
        case .fill(let m, let value): "m\(m) = \(value)"
        case .load(let m, let place, let stride, let layout):
            "m\(m) = load \(self.place(place)) stride \(stride) \(layout.rawValue)"
        case .store(let m, let place, let stride, let layout):
            "store \(self.place(place)) stride \(stride) \(layout.rawValue), m\(m)"
        case .multiplyAdd(let m, let a, let b, let c): "m\(m) = m\(a) m\(b) + m\(c)"
        case .add(let m, let x, let y): "m\(m) = m\(x) + m\(y)"
        case .scale(let m, let x, let factor): "m\(m) = m\(x) \(factor)"
        case .convert(let m, let x): "m\(m) = convert m\(x)"
        }
    }

    mutating func line(_ depth: Int, _ content: String) {
        text += String(repeating: "    ", count: depth) + content + "\n"
    }

    mutating func block(_ statements: [Statement], _ depth: Int) {
        for statement in statements {
            switch statement {
            case .define(let id, let operation, let exact):
                let type = kernel.types.indices.contains(id.index) ? kernel.types[id.index] : KernelType(.bool, 0)
                let mark = exact && type.isFloat && operation.canContract ? " exact" : ""
                line(depth, "\(id): \(type) = \(self.operation(operation, type))\(mark)")
            case .store(let target, let value): line(depth, "store \(place(target)), \(value)")
            case .barrier(let memory): line(depth, "barrier \(memory.rawValue)")
            case .matrix(let step): line(depth, matrix(step))
            case .conditional(let condition, let then, let otherwise):
                line(depth, "if \(condition) {")
                block(then, depth + 1)
                if !otherwise.isEmpty {
                    line(depth, "} else {")
                    block(otherwise, depth + 1)
                }
                line(depth, "}")
            case .loop(let counter, let from, let to, let step, let body):
                line(depth, "for \(counter) in \(from)..<\(to) step \(step) {")
                block(body, depth + 1)
                line(depth, "}")
            case .whileLoop(let before, let condition, let body):
                line(depth, "while {")
                block(before, depth + 1)
                line(depth, "} \(condition) {")
                block(body, depth + 1)
                line(depth, "}")
            }
        }
    }
}

extension Operation {
    /// Whether a compiler might merge the operation with a neighbour.
    var canContract: Bool {
        switch self {
        case .binary(let operation, _, _): operation == .add || operation == .subtract || operation == .multiply
        case .unary, .compare, .select, .multiplyAdd, .convert, .bitcast, .construct, .extract, .load, .atomic,
            .compareExchange, .subgroup, .broadcast, .shuffle, .shuffleXor, .constant, .builtin, .pushConstant,
            .specialization:
            false
        }
    }
}
