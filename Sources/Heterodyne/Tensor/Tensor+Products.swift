// Heterodyne: products of matrices and tensors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension Tensor {
    /// The product of matrices, with NumPy's rules: batch dimensions broadcast, vectors are rows or columns.
    public func matmul(_ other: Tensor, file: String = #fileID, line: Int = #line) -> Tensor {
        map("matmul", with: [other], file: file, line: line) { (terms) throws(GraphError) in
            try terms[0].matrixProduct(terms[1])
        }
    }

    /// Einstein's summation over named dimensions, for instance `bij,bjk->bik`.
    public static func einsum(
        _ equation: String, _ tensors: [Tensor], file: String = #fileID, line: Int = #line
    ) -> Tensor {
        build(tensors, .init(file: file, line: line), "einsum") { (builder, terms) throws(GraphError) in
            try builder.einsum(equation, terms)
        }
    }
}
