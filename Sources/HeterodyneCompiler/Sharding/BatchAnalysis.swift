// Heterodyne: proves that the rows of a batch are computed apart, and makes the graph of some of them.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Where the rows of a batch lie in a value: along one dimension, each row in a block of `inner` consecutive positions.
///
/// `inner` is 1 where the dimension is the batch, and larger where the batch was merged with dimensions that follow it:
/// `[rows, 12]` reshaped to `[rows * 12]` has its rows at axis 0 in blocks of 12.
public struct BatchAxis: Sendable, Hashable, CustomStringConvertible {
    /// The dimension.
    public var axis: Int
    /// Positions that belong to one row.
    public var inner: Int

    /// Blocks of `inner` positions along `axis`.
    public init(_ axis: Int, inner: Int = 1) {
        self.axis = axis
        self.inner = inner
    }

    /// For people.
    public var description: String { inner == 1 ? "dimension \(axis)" : "dimension \(axis) in blocks of \(inner)" }
}

/// A graph whose results can be computed for some rows of a batch at a time, proved so.
///
/// The proof follows the rows of the chosen inputs through every node: each keeps them apart (and says where they lie in
/// its results), or the graph is refused, naming the first node that does not. Composites are followed through their
/// definitions, which must treat all extents of the batch alike, as definitions do. What comes from
/// elsewhere, such as a mask or a bias that is repeated for every row, must be the same for every row where it meets
/// the batch.
public struct BatchAnalysis: Sendable {
    /// The graph of the whole batch.
    public let graph: Graph
    /// The rows of the whole batch.
    public let rowCount: Int
    /// The dimension of each input that counts rows; nil for inputs that all rows share.
    public let inputs: [Int?]
    /// Where each output has its rows; nil for outputs that do not depend on the batch, or where it has fewer than two
    /// rows, which cannot be split.
    public let outputs: [BatchAxis?]
    private let flow: RowFlow?

    /// Follows the rows of a batch through `graph`. `axes` has the dimension of each input that counts rows, nil for
    /// inputs that all rows share.
    ///
    /// Throws `unsupported` naming the first node that lets rows depend on one another or on their number,
    /// `invalidAttribute` where no input has rows, a dimension does not exist or the inputs differ in rows, and
    /// `unboundSymbol` for symbolic shapes.
    public init(_ graph: Graph, axes: [Int?]) throws(GraphError) {
        guard axes.count == graph.inputs.count else {
            throw GraphError(
                .operandCount,
                "the graph has \(graph.inputs.count) inputs; batch dimensions are given for \(axes.count)")
        }
        var rowCount: Int?
        for (index, axis) in axes.enumerated() {
            guard let axis else { continue }
            let (name, type) = (graph.inputNames[index], graph.inputTypes[index])
            let extents = try type.shape.extents()
            guard extents.indices.contains(axis) else {
                throw GraphError(.invalidAttribute, "input '\(name)' is \(type) and has no dimension \(axis) to split")
            }
            guard rowCount == nil || rowCount == extents[axis] else {
                throw GraphError(
                    .invalidAttribute,
                    "input '\(name)' has \(extents[axis]) rows and another input has \(rowCount ?? 0); name the "
                        + "dimension that counts rows for each input, or leave out inputs that all rows share")
            }
            rowCount = extents[axis]
        }
        guard let rowCount else { throw GraphError(.invalidAttribute, "no input is named whose rows could be split") }
        self.graph = graph
        self.rowCount = rowCount
        inputs = axes
        guard rowCount > 1 else {
            flow = nil
            outputs = [BatchAxis?](repeating: nil, count: graph.outputs.count)
            return
        }
        let flow = try RowFlow(graph, rowCount: rowCount, inputs: axes.map { $0.map { BatchAxis($0) } })
        self.flow = flow
        outputs = flow.outputs
    }

    /// The dimensions to split by default: the first of every input that has one.
    public static func leadingAxes(of graph: Graph) -> [Int?] { graph.inputTypes.map { $0.rank > 0 ? 0 : nil } }

    /// The graph that computes `rows` of the rows; with all of them the graph itself. Throws `invalidAttribute` where
    /// there are not so many, and what inference throws.
    public func graph(rows: Int) throws(GraphError) -> Graph {
        guard rows >= 0, rows <= rowCount else {
            throw GraphError(.invalidAttribute, "the batch has \(rowCount) rows, not \(rows)")
        }
        guard rows < rowCount, let flow else { return graph }
        return try RowSplitter(rowCount: rowCount, rows: rows).split(graph, flow)
    }
}
