// Heterodyne: which step is defined on which matrices.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension TypeRules {
    /// Throws unless a matrix of the type can be declared.
    func check(_ matrix: MatrixType) throws(KernelError) {
        guard (1...256).contains(matrix.rows), (1...256).contains(matrix.columns) else {
            throw .invalidDeclaration("a matrix of \(matrix.rows) by \(matrix.columns): 1 to 256 are possible")
        }
        switch matrix.scalar {
        case .float16, .float32, .float64, .int8, .uint8, .int16, .uint16, .int32, .uint32: break
        case .bool, .int4, .uint4, .int64, .uint64, .float8e4m3fn, .float8e5m2, .bfloat16:
            throw .invalidType("a matrix of \(matrix.element)")
        }
    }

    private func matrix(_ index: Int) throws(KernelError) -> MatrixType {
        guard kernel.matrices.indices.contains(index) else { throw .undeclared("matrix m\(index)") }
        return kernel.matrices[index]
    }

    private func require(_ condition: Bool, _ text: String) throws(KernelError) {
        guard condition else { throw .typeMismatch("matrix: \(text)") }
    }

    /// Throws unless the step is defined on its matrices and values.
    func check(_ statement: MatrixStatement) throws(KernelError) {
        switch statement {
        case .fill(let result, let value):
            let (type, found) = (try matrix(result), try type(value))
            try require(found == type.element, "fill of \(type) by a value of type \(found)")
        case .load(let result, let place, let stride, _):
            try checkPlace(place, try element(place, write: false, read: true), stride, try matrix(result))
        case .store(let source, let place, let stride, _):
            try checkPlace(place, try element(place, write: true, read: false), stride, try matrix(source))
        case .multiplyAdd(let result, let a, let b, let c):
            let (d, left, right, sum) = (try matrix(result), try matrix(a), try matrix(b), try matrix(c))
            let text = "\(left) times \(right) plus \(sum) to \(d)"
            try require(left.use == .a && right.use == .b && sum.use == .accumulator && d == sum, text)
            try require(left.columns == right.rows && d.rows == left.rows && d.columns == right.columns, text)
            let isFloat = left.element.isFloat
            try require(right.element.isFloat == isFloat && d.element.isFloat == isFloat, text)
        case .add(let result, let x, let y):
            let (sum, left, right) = (try matrix(result), try matrix(x), try matrix(y))
            try require(sum == left && left == right, "\(left) plus \(right) to \(sum)")
        case .scale(let result, let x, let factor):
            let (product, source, found) = (try matrix(result), try matrix(x), try type(factor))
            try require(product == source && found == source.element, "\(source) times \(found) to \(product)")
        case .convert(let result, let x):
            let (to, from) = (try matrix(result), try matrix(x))
            try require(to == from.with(scalar: to.scalar), "\(from) converted to \(to)")
            try require(to.element.isFloat == from.element.isFloat, "\(from) converted to \(to)")
        }
    }

    private func checkPlace(
        _ place: Place, _ element: KernelType, _ stride: ValueID, _ matrix: MatrixType
    ) throws(KernelError) {
        switch place {
        case .buffer, .workgroup: break
        case .table, .variable: throw .access("matrices are loaded from and stored to buffers and workgroup memory")
        }
        try require(element.scalar == matrix.scalar, "\(matrix) in an array of \(element)")
        for id in place.operands + [stride] {
            let type = try type(id)
            try require(type == .u32 || type == .i32, "index and stride are 32-bit integers, not \(type)")
        }
    }
}
