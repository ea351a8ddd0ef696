// Heterodyne: ONNX operators: matrix products, einsum and linear algebra.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Matrix products, einsum and linear algebra.
    static let products: [OperatorRule] = [
        .term("MatMul") { (context) throws(GraphError) in
            try context.term(0).matrixProduct(context.term(1))
        },
        .term("Gemm", since: 7) { (context) throws(GraphError) in try context.gemm(broadcasts: true) },
        .term("Gemm") { (context) throws(GraphError) in try context.gemm(broadcasts: context.bool("broadcast")) },
        .term("Einsum", since: 12) { (context) throws(GraphError) in
            guard let equation = try context.optionalString("equation") else {
                throw GraphError(.invalidAttribute, "attribute 'equation' is missing")
            }
            return try context.builder.einsum(equation, context.terms())
        },
        .term("Det", since: 11) { (context) throws(GraphError) in try context.determinant() },
    ]
}

extension OperatorContext {
    /// `α A' B' + β C`, where a prime transposes if an attribute says so.
    fileprivate func gemm(broadcasts: Bool) throws(GraphError) -> Term {
        let (a, b) = (try term(0), try term(1))
        guard a.rank == 2, b.rank == 2 else {
            throw GraphError(.shapeMismatch, "A is \(a.type) and B is \(b.type); both must be matrices")
        }
        let left = try bool("transA") ? 0 : 1
        let right = try bool("transB") ? 1 : 0
        guard a.shape[left] == b.shape[right] else {
            throw GraphError(
                .shapeMismatch,
                "\(a.type) times \(b.type): extents \(a.shape[left]) and \(b.shape[right]) differ; check 'transA' and "
                    + "'transB'")
        }
        // Narrow floats stay wide until the end; integers are scaled as float64, which holds them up to 2^53.
        let type = a.scalarType
        let alpha = try float("alpha", default: 1)
        let beta = try float("beta", default: 1)
        let wide: ScalarType =
            type.isFloatingPoint ? type.accumulationType : alpha == 1 && beta == 1 ? type : .float64
        var y = try a.dot(
            b, DotDimensions(leftContracting: [left], rightContracting: [right]),
            result: type.isFloatingPoint ? wide : type
        ).convert(wide)
        if alpha != 1 { y = try y * alpha }
        if let c = try optionalTerm(2), beta != 0 {
            guard broadcasts || c.shape == y.shape else {
                throw GraphError(
                    .shapeMismatch, "C is \(c.type) where \(y.shape) is needed, and 'broadcast' is not set")
            }
            var addend = try c.convert(wide)
            if beta != 1 { addend = try addend * beta }
            guard addend.rank <= 2 else {
                throw GraphError(.shapeMismatch, "C is \(c.type), which does not broadcast to \(y.shape)")
            }
            y = try y + addend.broadcast(to: y.shape)
        }
        return try y.convert(type)
    }

    /// The determinants of the matrices in the last two dimensions, by elimination with row exchanges.
    fileprivate func determinant() throws(GraphError) -> Term {
        let x = try term(0)
        guard x.rank >= 2, x.shape[x.rank - 1] == x.shape[x.rank - 2] else {
            throw GraphError(.shapeMismatch, "the input is \(x.type); its last two dimensions must be square")
        }
        guard x.scalarType.isFloatingPoint else {
            throw GraphError(.invalidType, "the input is \(x.type); determinants need floats")
        }
        let size = try Shape([x.shape[x.rank - 1]]).extents()[0]
        let batch = Shape(Array(x.shape.dimensions.dropLast(2)))
        let wide = x.scalarType.accumulationType
        guard size > 0 else { return try builder.constant(1, TensorType(x.scalarType, batch)) }
        let count = try batch.elementCount()
        let matrices = try x.convert(wide).reshape(Shape([count, .fixed(size), .fixed(size)]))
        let ones = try builder.constant(1, TensorType(wide, Shape([count])))
        let first = try builder.constant(Literal(Int64(0)))
        var state = [first, matrices, ones]
        if size <= Self.unrolledEliminationLimit {
            for _ in 0..<size { state = try Self.eliminate(state) }
        } else {
            let types = state.map(\.type)
            let condition = try GraphBuilder.region(types) { (_, state) throws(GraphError) in
                [try state[0].compare(.less, Double(size))]
            }
            let body = try GraphBuilder.region(types) { (_, state) throws(GraphError) in
                try Self.eliminate(state)
            }
            state = try builder.loop(state, condition: condition, body: body)
        }
        return try state[2].convert(x.scalarType).reshape(batch)
    }

    /// Up to this size the elimination is unrolled; above it is a loop.
    private static var unrolledEliminationLimit: Int { 8 }

    /// One step of the elimination of matrices [n, m, m]: state is the step `k`, the matrices, and the product of the
    /// pivots so far. Column `k` is cleared in all rows but the pivot's, which is then cleared itself, so that no rows
    /// need to be exchanged: the sign changes by the number of rows between the pivot's place and the first free one.
    private static func eliminate(_ state: [Term]) throws(GraphError) -> [Term] {
        let (step, a, product) = (state[0], state[1], state[2])
        let builder = a.builder
        let vectors = Shape(Array(a.shape.dimensions[..<2]))
        let size = try Shape([a.shape[2]]).extents()[0]
        let rows = try builder.iota(TensorType(.int64, vectors), dimension: 1)
        let here = try rows.compare(.equal, step.broadcast(to: vectors))
        // The columns that were cleared are shifted out to the right, so that column 0 is the one at hand.
        let column = try a.slice(dimension: 2, from: 0, to: 1).reshape(vectors)
        let done = try rows.compare(.less, step.broadcast(to: vectors))
        let magnitude = try done.select(column.like(-1), column.abs())
        let largest = try magnitude.reduce(.maximum, [1])
        let isLargest = try magnitude.compare(.equal, largest.broadcast(vectors, dimensions: [0]))
            .or(magnitude.compare(.notEqual, magnitude))
        let candidates = try isLargest.select(rows, rows.like(Double(size - 1)))
        let pivotRow = try candidates.reduce(.minimum, [1])
        let isPivot = try rows.compare(.equal, pivotRow.broadcast(vectors, dimensions: [0]))
        func row(_ mask: Term) throws(GraphError) -> Term {
            let spread = try mask.broadcast(a.shape, dimensions: [0, 1])
            return try spread.select(a, a.like(0)).reduce(.sum, [1])
        }
        // Exchange the pivot's row with the first free one.
        let (pivotElements, firstElements) = (try row(isPivot), try row(here))
        func spread(_ elements: Term) throws(GraphError) -> Term {
            try elements.broadcast(a.shape, dimensions: [0, 2])
        }
        func mask(_ term: Term) throws(GraphError) -> Term { try term.broadcast(a.shape, dimensions: [0, 1]) }
        let exchanged = try mask(here).select(
            spread(pivotElements), mask(isPivot).select(spread(firstElements), a))
        let pivot = try pivotElements.slice(dimension: 1, from: 0, to: 1).reshape([vectors[0]])
        let isSingular = try pivot.compare(.equal, 0)
        let divisor = try isSingular.select(pivot.like(1), pivot)
        let factors =
            try exchanged.slice(dimension: 2, from: 0, to: 1).reshape(vectors)
            / divisor.broadcast(vectors, dimensions: [0])
        let below = try rows.compare(.greater, step.broadcast(to: vectors))
        let active = try below.select(factors, factors.like(0))
        let reduced = try exchanged - mask(active) * spread(pivotElements)
        // Shift column 0 out.
        let rest = try reduced.slice(dimension: 2, from: 1, to: .fixed(size))
        let shifted = try rest.pad(0, low: [0, 0, 0], high: [0, 0, 1])
        let isSame = try pivotRow.compare(.equal, step.broadcast(to: pivotRow.shape))
        let sign = try isSame.select(pivot.like(1), pivot.like(-1))
        return [try step + 1, shifted, try product * pivot * sign]
    }
}
