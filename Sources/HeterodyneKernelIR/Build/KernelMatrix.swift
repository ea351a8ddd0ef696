// Heterodyne: matrices of subgroups while a kernel is built.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A matrix that the subgroup holds together (SPV_KHR_cooperative_matrix): a variable, to which every method but `store`
/// assigns. Every invocation of the workgroup must arrive at these operations, with operands that are the same for the
/// subgroup, and subgroups must be full.
///
///     let (a, b) = (k.matrix(.float16, rows: 16, columns: 16, use: .a), k.matrix(.float16, rows: 16, columns: 16, use: .b))
///     let sum = k.matrix(.float32, rows: 16, columns: 16, use: .accumulator)
///     sum.fill(k.constant(0.0, .f32))
///     k.loop(from: zero, to: depth, step: 16) { i in
///         a.load(x, row * depth + i, stride: depth, .rowMajor)
///         b.load(y, i * columns + column, stride: columns, .rowMajor)
///         sum.multiplyAdd(a, b)
///     }
///     sum.store(z, row * columns + column, stride: columns, .rowMajor)
///
/// Loads and stores take the whole matrix: tiles that stick out over an edge go through workgroup memory.
public struct KernelMatrix {
    let builder: KernelBuilder
    let index: Int
    /// The type.
    public let type: MatrixType

    private func append(_ statement: MatrixStatement) {
        do throws(KernelError) {
            try TypeRules(kernel: builder.kernel).check(statement)
        } catch {
            builder.fail(error)
        }
        builder.append(.matrix(statement))
    }

    /// Every element becomes `value`.
    public func fill(_ value: KernelValue) { append(.fill(index, value.id)) }

    /// Reads the matrix from an array of its elements (or of vectors of them). Index and stride count elements of the
    /// array; both are 32-bit integers.
    public func load(_ array: MemoryArray, _ first: KernelValue, stride: KernelValue, _ layout: MatrixLayout) {
        append(.load(index, array.place(first.id), stride: stride.id, layout))
    }

    /// Writes the matrix.
    public func store(_ array: MemoryArray, _ first: KernelValue, stride: KernelValue, _ layout: MatrixLayout) {
        append(.store(index, array.place(first.id), stride: stride.id, layout))
    }

    /// Adds a b; the order of the sums is the device's choice.
    public func multiplyAdd(_ a: KernelMatrix, _ b: KernelMatrix) {
        append(.multiplyAdd(result: index, a: a.index, b: b.index, c: index))
    }

    /// Adds another matrix.
    public func add(_ other: KernelMatrix) { append(.add(result: index, index, other.index)) }

    /// Multiplies every element by `factor`.
    public func scale(_ factor: KernelValue) { append(.scale(result: index, index, factor.id)) }

    /// Becomes the other matrix, its elements converted: floats rounded, integers wrapped.
    public func convert(_ other: KernelMatrix) { append(.convert(result: index, other.index)) }
}

extension KernelBuilder {
    /// Declares a matrix. What it holds at first is undefined.
    public func matrix(_ scalar: ScalarType, rows: Int, columns: Int, use: MatrixUse) -> KernelMatrix {
        let type = MatrixType(scalar, rows: rows, columns: columns, use: use)
        kernel.matrices.append(type)
        return KernelMatrix(builder: self, index: kernel.matrices.count - 1, type: type)
    }
}
