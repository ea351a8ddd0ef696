// Heterodyne: one thing that a device must do right.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph
public import HeterodyneRuntime

/// One thing that a device must do right. A case is data and a function that builds its graph; the identifier says what
/// it is and reproduces it: `heterodyne conformance --filter <id>`.
public struct ConformanceCase: Sendable, Identifiable {
    /// What is run.
    enum Body: Sendable {
        /// A graph, whose results are compared with the oracle.
        case graph(Metric, @Sendable (CaseBuilder) throws(GraphError) -> Void)
        /// A question about the device's conduct; returns what is wrong, or nil.
        case conduct(@Sendable (Device) -> String?)
    }

    /// Operation, scalar type, layout, values and shape, separated by slashes.
    public let id: String
    /// The row of the report.
    public let operation: String
    /// The column of the report.
    public let scalarType: ScalarType
    /// Whether the case belongs to the quick set.
    public var isQuick: Bool
    /// Indices of inputs that are given away.
    public var donatedInputs: Set<Int> = []
    /// The thread counts that the program is compiled for; nil for the device's choice.
    public var threads: Int?
    /// How many threads run the program at the same time, each in a session of its own.
    public var concurrency = 1
    /// Whether constants are folded at compile time.
    public var folds = true
    let body: Body

    /// A case that compares the results of a graph with the oracle's.
    ///
    /// - Parameters:
    ///   - operation: The row of the report, and the first part of the identifier.
    ///   - scalarType: The column of the report, and the second part of the identifier.
    ///   - variant: The rest of the identifier.
    ///   - metric: How results are compared.
    ///   - isQuick: Whether the case belongs to the quick set.
    ///   - build: Builds the graph and its data.
    public init(
        _ operation: String, _ scalarType: ScalarType, _ variant: String, _ metric: Metric, isQuick: Bool = true,
        build: @escaping @Sendable (CaseBuilder) throws(GraphError) -> Void
    ) {
        id = "\(operation)/\(scalarType)/\(variant)"
        self.operation = operation
        self.scalarType = scalarType
        self.isQuick = isQuick
        body = .graph(metric, build)
    }

    /// A case about a device's conduct; `check` returns what is wrong, or nil.
    public init(conduct: String, isQuick: Bool = true, check: @escaping @Sendable (Device) -> String?) {
        id = "conduct/\(conduct)"
        operation = "conduct"
        scalarType = .float32
        self.isQuick = isQuick
        body = .conduct(check)
    }

    /// The graph and the data of a case. Nil for cases about conduct. Throws what building throws.
    public func program() throws(GraphError) -> (graph: Graph, inputs: [Literal])? {
        guard case .graph(_, let build) = body else { return nil }
        let builder = CaseBuilder(seed: id)
        try build(builder)
        return (try builder.graph.build(), builder.inputs)
    }

    /// How results are compared; nil for cases about conduct.
    public var metric: Metric? { if case .graph(let metric, _) = body { metric } else { nil } }
}
