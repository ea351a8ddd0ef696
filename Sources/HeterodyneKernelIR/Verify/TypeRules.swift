// Heterodyne: which operation is defined on which types.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// The type rules that the builder and the verifier share.
struct TypeRules {
    let kernel: Kernel

    func type(_ id: ValueID) throws(KernelError) -> KernelType {
        guard kernel.types.indices.contains(id.index) else {
            throw .undefinedValue("\(id) is no value of the kernel \(kernel.name)")
        }
        return kernel.types[id.index]
    }

    func require(_ condition: Bool, _ operation: Operation, _ text: String) throws(KernelError) {
        guard condition else { throw .typeMismatch("\(operation.keyword): \(text)") }
    }

    /// Throws unless the operation may give a value of the `declared` type.
    func check(_ operation: Operation, gives declared: KernelType) throws(KernelError) {
        guard declared.isValid else { throw .invalidType("kernels have no values of type \(declared)") }
        func result(_ type: KernelType) throws(KernelError) {
            try require(type == declared, operation, "gives \(type), declared is \(declared)")
        }
        switch operation {
        case .constant(let bits):
            try require(bits.count == declared.width, operation, "\(bits.count) components for \(declared)")
            let mask = declared.scalar == .bool ? 1 : Literal.mask(declared.bits)
            try require(bits.allSatisfy { $0 & ~mask == 0 }, operation, "more bits than \(declared) has")
        case .builtin: try result(.u32)
        case .pushConstant(let index):
            guard kernel.pushConstants.indices.contains(index) else { throw .undeclared("push constant \(index)") }
            try result(kernel.pushConstants[index].type)
        case .specialization(let index):
            guard kernel.specializations.indices.contains(index) else {
                throw .undeclared("specialization constant \(index)")
            }
            try result(kernel.specializations[index].type)
        case .unary(let unary, let a): try result(try self.result(unary, type(a), operation))
        case .binary(let binary, let a, let b):
            let (left, right) = (try type(a), try type(b))
            try require(left == right, operation, "operands of types \(left) and \(right)")
            try check(binary, left, operation)
            try result(left)
        case .compare(let comparison, let a, let b):
            let (left, right) = (try type(a), try type(b))
            try require(left == right, operation, "operands of types \(left) and \(right)")
            let isEquality = comparison == .equal || comparison == .notEqual
            try require(left.isArithmetic || isEquality && left.scalar == .bool, operation, "not defined on \(left)")
            try result(left.with(scalar: .bool))
        case .select(let condition, let a, let b):
            let (test, left, right) = (try type(condition), try type(a), try type(b))
            try require(left == right, operation, "values of types \(left) and \(right)")
            try require(
                test.scalar == .bool && (test.width == 1 || test.width == left.width), operation,
                "a condition of type \(test) for values of type \(left)")
            try result(left)
        case .multiplyAdd(let a, let b, let c):
            let (x, y, z) = (try type(a), try type(b), try type(c))
            try require(x == y && y == z && x.isFloat, operation, "operands of types \(x), \(y) and \(z)")
            try result(x)
        case .convert(let a):
            let from = try type(a)
            try require(from.width == declared.width, operation, "from \(from) to \(declared)")
            let storage = from.scalar == .bfloat16 || declared.scalar == .bfloat16
            try require(
                !storage || from.scalar == .float32 || declared.scalar == .float32, operation,
                "bfloat16 converts to and from float32 only, not \(from) to \(declared)")
            try require(declared.scalar != .bool, operation, "compare with zero to get a truth value")
        case .bitcast(let a):
            let from = try type(a)
            try require(
                from.scalar != .bool && declared.scalar != .bool
                    && from.bits * from.width == declared.bits
                        * declared.width,
                operation, "from \(from) to \(declared)")
        case .construct(let parts):
            try require(parts.count == declared.width && parts.count > 1, operation, "\(parts.count) parts")
            for part in parts {
                let type = try type(part)
                try require(type == declared.with(width: 1), operation, "a part of type \(type) for \(declared)")
            }
        case .extract(let a, let index):
            let from = try type(a)
            try require(from.width > 1 && (0..<from.width).contains(index), operation, "\(index) of \(from)")
            try result(from.with(width: 1))
        case .load(let place): try result(try element(place, write: false, read: true))
        case .atomic(let atomic, let place, let value):
            let element = try element(place, write: true, read: true)
            try checkAtomic(place, element, operation)
            let isFloatAdd = atomic == .add && (element == .f32 || element == .f64)
            try require(isFloatAdd || isAtomicInteger(element), operation, "not defined on \(element)")
            try require(try type(value) == element, operation, "a value of type \(try type(value)) for \(element)")
            try result(element)
        case .compareExchange(let place, let expected, let replacement):
            let element = try element(place, write: true, read: true)
            try checkAtomic(place, element, operation)
            try require(isAtomicInteger(element), operation, "not defined on \(element)")
            let (old, new) = (try type(expected), try type(replacement))
            try require(old == element && new == element, operation, "values of types \(old) and \(new) for \(element)")
            try result(element)
        case .subgroup(_, _, let a):
            let from = try type(a)
            try require(from.isArithmetic, operation, "not defined on \(from)")
            try result(from)
        case .broadcast(let a, let lane), .shuffle(let a, let lane), .shuffleXor(let a, let lane):
            let from = try type(a)
            try require(from.isArithmetic || from.scalar == .bool, operation, "not defined on \(from)")
            try require(try type(lane) == .u32, operation, "the lane has type \(try type(lane)), not u32")
            try result(from)
        }
    }

    private func isAtomicInteger(_ type: KernelType) -> Bool {
        type.width == 1 && type.isInteger && type.bits >= 32
    }

    private func checkAtomic(_ place: Place, _ element: KernelType, _ operation: Operation) throws(KernelError) {
        switch place {
        case .buffer, .workgroup: break
        case .table, .variable: throw .access("\(operation.keyword) works on buffers and workgroup memory only")
        }
    }

    /// The type of a unary operation's result.
    func result(_ unary: UnaryOperator, _ a: KernelType, _ operation: Operation) throws(KernelError) -> KernelType {
        let isDefined =
            switch unary {
            case .negate: a.isArithmetic
            case .absolute: a.isFloat || a.isInteger && a.isSigned
            case .floor, .ceiling, .truncate, .roundEven, .squareRoot, .isNaN, .isInfinite: a.isFloat
            case .not: a.isInteger || a.scalar == .bool
            case .bitCount: a.isInteger && a.bits == 32
            case .highestBit: a.scalar == .uint32
            case .exponential, .logarithm, .sine, .cosine, .hyperbolicTangent: a.scalar == .float64
            }
        try require(isDefined, operation, "not defined on \(a)")
        return unary == .isNaN || unary == .isInfinite ? a.with(scalar: .bool) : a
    }

    private func check(_ binary: BinaryOperator, _ a: KernelType, _ operation: Operation) throws(KernelError) {
        let isDefined =
            switch binary {
            case .add, .subtract, .multiply, .divide, .minimum, .maximum: a.isArithmetic
            case .remainder, .shiftLeft, .shiftRight: a.isInteger
            case .and, .or, .xor: a.isInteger || a.scalar == .bool
            case .power, .floatRemainder: a.scalar == .float64
            }
        try require(isDefined, operation, "not defined on \(a)")
    }

    /// The type of what stands at a place; throws unless it may be read or written.
    func element(_ place: Place, write: Bool, read: Bool) throws(KernelError) -> KernelType {
        switch place {
        case .buffer(let buffer, let index):
            guard kernel.buffers.indices.contains(buffer) else { throw .undeclared("buffer \(buffer)") }
            let declaration = kernel.buffers[buffer]
            guard !(write && declaration.access == .read) else {
                throw .access("buffer \(declaration.name) is read-only")
            }
            guard !(read && declaration.access == .write) else {
                throw .access("buffer \(declaration.name) is write-only")
            }
            try checkIndex(index, declaration.name)
            return declaration.element
        case .workgroup(let array, let index):
            guard kernel.workgroupArrays.indices.contains(array) else { throw .undeclared("workgroup array \(array)") }
            try checkIndex(index, kernel.workgroupArrays[array].name)
            return kernel.workgroupArrays[array].element
        case .table(let table, let index):
            guard kernel.tables.indices.contains(table) else { throw .undeclared("table \(table)") }
            guard !write else { throw .access("table \(kernel.tables[table].name) is constant") }
            try checkIndex(index, kernel.tables[table].name)
            return kernel.tables[table].element
        case .variable(let variable):
            guard kernel.variables.indices.contains(variable) else { throw .undeclared("variable v\(variable)") }
            return kernel.variables[variable]
        }
    }

    private func checkIndex(_ index: ValueID, _ name: String) throws(KernelError) {
        let type = try type(index)
        guard type.width == 1, type.isInteger, type.bits >= 32 else {
            throw .typeMismatch("the index into \(name) has type \(type), not a 32-bit or 64-bit integer")
        }
    }
}

extension Operation {
    /// What error messages call the operation.
    var keyword: String {
        switch self {
        case .constant: "constant"
        case .builtin(let builtin): builtin.name
        case .pushConstant: "push constant"
        case .specialization: "specialization constant"
        case .unary(let unary, _): unary.rawValue
        case .binary(let binary, _, _): binary.rawValue
        case .compare(let comparison, _, _): comparison.rawValue
        case .select: "select"
        case .multiplyAdd: "muladd"
        case .convert: "convert"
        case .bitcast: "bitcast"
        case .construct: "construct"
        case .extract: "extract"
        case .load: "load"
        case .atomic(let atomic, _, _): "atomic \(atomic.rawValue)"
        case .compareExchange: "atomic compare-exchange"
        case .subgroup(let operation, _, _): "subgroup \(operation.rawValue)"
        case .broadcast: "subgroup broadcast"
        case .shuffle, .shuffleXor: "subgroup shuffle"
        }
    }

    /// The values that the operation uses.
    var operands: [ValueID] {
        switch self {
        case .constant, .builtin, .pushConstant, .specialization: []
        case .unary(_, let a), .convert(let a), .bitcast(let a), .extract(let a, _), .subgroup(_, _, let a): [a]
        case .binary(_, let a, let b), .compare(_, let a, let b): [a, b]
        case .broadcast(let a, let b), .shuffle(let a, let b), .shuffleXor(let a, let b): [a, b]
        case .select(let a, let b, let c), .multiplyAdd(let a, let b, let c): [a, b, c]
        case .construct(let parts): parts
        case .load(let place): place.operands
        case .atomic(_, let place, let value): place.operands + [value]
        case .compareExchange(let place, let expected, let replacement): place.operands + [expected, replacement]
        }
    }
}

extension Place {
    /// The index, if the place has one.
    var operands: [ValueID] {
        switch self {
        case .buffer(_, let index), .workgroup(_, let index), .table(_, let index): [index]
        case .variable: []
        }
    }
}
