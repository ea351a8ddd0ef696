// Heterodyne: checks that a kernel means something.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension Kernel {
    /// Checks declarations, types, that every value is defined before its use and in a block around it, and that
    /// barriers and subgroup operations stand where all invocations of the workgroup arrive together.
    public func verify() throws(KernelError) {
        var verifier = Verifier(kernel: self)
        try verifier.declarations()
        try verifier.block(body)
        try Uniformity.check(self)
    }
}

/// The walk of `verify()`.
private struct Verifier {
    let kernel: Kernel
    let rules: TypeRules
    /// Values that the block at hand and those around it have defined so far.
    var visible = Set<Int>()
    /// Values that any block has defined.
    var defined = Set<Int>()
    var depth = 0

    init(kernel: Kernel) {
        self.kernel = kernel
        rules = TypeRules(kernel: kernel)
    }

    func declarations() throws(KernelError) {
        guard isName(kernel.name) else { throw .invalidDeclaration("\"\(kernel.name)\" is no name of an entry point") }
        guard kernel.workgroup.count == 3 else {
            throw .invalidDeclaration("the workgroup has \(kernel.workgroup.count) edges, not 3")
        }
        for edge in kernel.workgroup {
            if case .specialization(let index) = edge {
                guard kernel.specializations.indices.contains(index), kernel.specializations[index].type == .u32 else {
                    throw .undeclared("edge of the workgroup: u32 specialization constant \(index)")
                }
            }
        }
        for axis in Axis.allCases where kernel.workgroupExtent(axis) == 0 {
            throw .invalidDeclaration("the workgroup is empty along \(axis)")
        }
        for buffer in kernel.buffers {
            guard buffer.element.isValid, buffer.element.width != 3,
                buffer.element.width == 1 || buffer.element.scalar != .bool
            else { throw .invalidType("buffer \(buffer.name) of \(buffer.element)") }
            guard (0..<(1 << 16)).contains(buffer.slot) else {
                throw .invalidDeclaration("buffer \(buffer.name) has slot \(buffer.slot)")
            }
        }
        for constant in kernel.pushConstants {
            let type = constant.type
            guard type.width == 1 && type.isArithmetic && type.bits >= 32 || type == .u32.with(width: 2) else {
                throw .invalidType("push constant \(constant.name) of \(constant.type)")
            }
        }
        var ids = Set<UInt32>()
        for constant in kernel.specializations {
            let type = constant.type
            guard type == .bool || type.width == 1 && type.isArithmetic && type.bits >= 32 else {
                throw .invalidType("specialization constant \(constant.name) of \(type)")
            }
            guard ids.insert(constant.id).inserted else {
                throw .redefinition("two specialization constants have the id \(constant.id)")
            }
            try rules.check(.constant([constant.value]), gives: type)
        }
        for array in kernel.workgroupArrays {
            guard array.element.isValid else { throw .invalidType("array \(array.name) of \(array.element)") }
            guard (1...(1 << 24)).contains(array.count) else {
                throw .invalidDeclaration("array \(array.name) of \(array.count) elements")
            }
        }
        for table in kernel.tables {
            guard table.element.isValid, table.element.width == 1 else {
                throw .invalidType("table \(table.name) of \(table.element)")
            }
            guard (1...16384).contains(table.values.count) else {
                throw .invalidDeclaration("table \(table.name) has \(table.values.count) values, not 1 to 16384")
            }
            for value in table.values { try rules.check(.constant([value]), gives: table.element) }
        }
        for (index, type) in kernel.variables.enumerated() where !type.isValid {
            throw .invalidType("variable v\(index) of \(type)")
        }
        for matrix in kernel.matrices { try rules.check(matrix) }
    }

    func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "\"") }
    }

    func use(_ id: ValueID, _ user: String) throws(KernelError) {
        guard visible.contains(id.index) else {
            throw .undefinedValue(
                defined.contains(id.index)
                    ? "\(user) uses \(id), which is defined in a block that does not surround it"
                    : "\(user) uses \(id) before its definition")
        }
    }

    mutating func define(_ id: ValueID) throws(KernelError) {
        _ = try rules.type(id)
        guard defined.insert(id.index).inserted else { throw .redefinition("\(id)") }
        visible.insert(id.index)
    }

    mutating func scoped(_ statements: [Statement]) throws(KernelError) {
        let outside = visible
        try block(statements)
        visible = outside
    }

    mutating func condition(_ id: ValueID, _ user: String) throws(KernelError) {
        try use(id, user)
        let type = try rules.type(id)
        guard type == .bool else { throw .typeMismatch("the condition of \(user) has type \(type), not bool") }
    }

    mutating func block(_ statements: [Statement]) throws(KernelError) {
        depth += 1
        defer { depth -= 1 }
        guard depth < 256 else { throw .invalidDeclaration("blocks are nested deeper than 256") }
        for statement in statements {
            switch statement {
            case .define(let id, let operation, _):
                for operand in operation.operands { try use(operand, "\(id) = \(operation.keyword)") }
                try rules.check(operation, gives: try rules.type(id))
                try define(id)
            case .store(let place, let value):
                for operand in place.operands + [value] { try use(operand, "store") }
                let (element, type) = (try rules.element(place, write: true, read: false), try rules.type(value))
                guard element == type else { throw .typeMismatch("store: a value of type \(type) for \(element)") }
            case .barrier: break
            case .conditional(let test, let then, let otherwise):
                try condition(test, "if")
                try scoped(then)
                try scoped(otherwise)
            case .loop(let counter, let from, let to, let step, let body):
                let type = try rules.type(counter)
                for bound in [from, to] {
                    try use(bound, "for")
                    let found = try rules.type(bound)
                    guard found == type else { throw .typeMismatch("for: a bound of type \(found) for \(type)") }
                }
                guard type.width == 1, type.isInteger, type.bits >= 32 else {
                    throw .typeMismatch("for: the counter has type \(type), not a 32-bit or 64-bit integer")
                }
                guard step > 0, step <= UInt32(Int32.max) else {
                    throw .invalidDeclaration("for: the step is \(step), not 1 to 2^31 - 1")
                }
                let outside = visible
                try define(counter)
                try block(body)
                visible = outside
            case .whileLoop(let before, let test, let body):
                let outside = visible
                try block(before)
                try condition(test, "while")
                try block(body)
                visible = outside
            case .matrix(let step):
                for operand in step.operands { try use(operand, "a matrix operation") }
                try rules.check(step)
            }
        }
    }
}
