// Heterodyne: what a node computes and moves.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// What a node computes, by kind and scalar type, and the bytes that it reads and writes: what placement, reports and the
/// estimates for chips that are not here are made of. Everything follows from the graph; nothing depends on a device.
///
/// - Sums of products count two operations for each product; elementwise primitives one for each element of the result,
///   reductions and sorts one for each element that they read. Movement computes nothing.
/// - A fused region and a composite compute what their definitions do, but read only their operands and write only their
///   results: nothing between is moved.
/// - A node that reads a value twice reads it once. Operands that are only views (`reshape`, `broadcast`) or repeat one
///   number are read as what they are views of.
/// - `gather`, `slice` and `dynamicSlice` read what they take; `scatter` and `dynamicUpdateSlice` write only what changes
///   where nobody else uses the value that they replace.
/// - A loop runs as often as its counter says where that can be told (see `Graph.tripCount`), else `assumedIterations` times.
///   Of a conditional the longer branch counts.
public struct NodeWork: Sendable, Hashable {
    /// The kinds of arithmetic that run at rates of their own.
    public enum Kind: String, Sendable, Hashable, CaseIterable, Codable {
        /// Additions, comparisons and the like, element by element.
        case elementwise
        /// Exponential, logarithm, sine, cosine, hyperbolic tangent, power.
        case transcendental
        /// Products and sums of `dot`, each counted.
        case contraction
        /// Elements that `reduce` and `sort` read.
        case reduction
    }

    /// Operations of one kind on one scalar type.
    public struct Share: Sendable, Hashable {
        /// The kind.
        public var kind: Kind
        /// The scalar type that is computed in.
        public var type: ScalarType
        /// How many operations.
        public var count: Double

        /// So many operations of a kind on a type.
        public init(kind: Kind, type: ScalarType, count: Double) {
            self.kind = kind
            self.type = type
            self.count = count
        }
    }

    /// Products of an m x k and a k x n matrix.
    public struct Product: Sendable, Hashable {
        /// The scalar type of the factors.
        public var type: ScalarType
        /// m, the free extents of the left factor.
        public var rows: Double
        /// n, the free extents of the right factor.
        public var columns: Double
        /// k, the contracted extents.
        public var depth: Double
        /// How many such products.
        public var count: Double

        /// So many products of a size.
        public init(type: ScalarType, rows: Double, columns: Double, depth: Double, count: Double) {
            self.type = type
            self.rows = rows
            self.columns = columns
            self.depth = depth
            self.count = count
        }

        /// Multiplications and additions.
        public var operationCount: Double { 2 * rows * columns * depth * count }
    }

    /// What is computed, one share for each kind and type.
    public internal(set) var shares: [Share] = []
    /// The products of matrices that the share of contractions consists of.
    public internal(set) var products: [Product] = []
    /// Bytes that each operand adds to what is read: none where it was an operand before.
    public internal(set) var operandByteCounts: [Double] = []
    /// Bytes that the node reads, run on its own: those of its operands, and those of the nodes that its regions run one by
    /// one.
    public internal(set) var readByteCount = 0.0
    /// Bytes that the node writes, run on its own.
    public internal(set) var writtenByteCount = 0.0
    /// Whether the node makes nothing: an input, a constant, another view of its operand.
    public private(set) var isView = false
    /// How many loops were taken to run `assumedIterations` times because nothing tells how often they do.
    public private(set) var assumedLoopCount = 0

    /// Bytes read and written by the node on its own.
    public var byteCount: Double { readByteCount + writtenByteCount }

    /// Operations of all kinds and types.
    public var operationCount: Double { shares.reduce(0) { $0 + $1.count } }

    /// How often a loop is taken to run where nothing tells before it does.
    public static let assumedIterations = 16.0

    /// How deeply definitions and regions are looked into.
    private static let maximumDepth = 16

    /// The work of a node of `graph`.
    public init(_ node: Node, in graph: Graph) { self.init(node, in: graph, depth: 0) }

    /// The work of a node with operands of the given types, which are taken to be distinct and no views.
    public init(_ node: Node, operandTypes: [TensorType]) {
        self.init(node, operandTypes, operandTypes.map(Self.bytes), isReplacing: false, tripCount: nil, depth: 0)
    }

    private init(_ node: Node, in graph: Graph, depth: Int) {
        self.init(
            node, node.operands.map(graph.type(of:)), Self.operandBytes(node, graph),
            isReplacing: Self.isReplacing(node, graph), tripCount: graph.tripCount(of: node), depth: depth)
    }

    private init(
        _ node: Node, _ operands: [TensorType], _ operandBytes: [Double], isReplacing: Bool, tripCount: Double?,
        depth: Int
    ) {
        let results = node.resultTypes.reduce(0) { $0 + Self.count($1) }
        let resultBytes = node.resultTypes.reduce(0) { $0 + Self.bytes($1) }
        operandByteCounts = operandBytes
        readByteCount = operandBytes.reduce(0, +)
        writtenByteCount = resultBytes
        switch node.operation {
        case .parameter: makeView()
        case .composite(let composite):
            if let region = composite as? FusedRegion {
                add(region.body, times: 1, depth: depth + 1)
            } else if depth < Self.maximumDepth, let definition = try? Self.definition(of: composite, operands) {
                add(definition, times: 1, depth: depth + 1)
            } else {
                add(.elementwise, node.resultTypes.first?.scalarType ?? .float32, results)
            }
        case .primitive(let primitive):
            let type = Self.computedType(primitive, operands, node.resultTypes)
            switch primitive {
            case .constant, .reshape, .broadcast: makeView()
            case .dot(let dimensions, _, _):
                if let product = Self.product(dimensions, operands) {
                    products = [product]
                    add(.contraction, type, product.operationCount)
                }
            case .gather, .slice, .dynamicSlice:
                // Only what is taken is read, at most all that is there, and the indices.
                setOperandBytes(0, min(operandBytes.first ?? 0, resultBytes))
            case .scatter, .dynamicUpdateSlice:
                let updates = primitive.code == .scatter ? operandBytes.last : operandBytes.dropFirst().first
                if isReplacing {
                    // What is added to is read besides.
                    let isSet = if case .scatter(let mode, _) = primitive { mode == .set } else { true }
                    setOperandBytes(0, isSet ? 0 : updates ?? 0)
                    writtenByteCount = updates ?? 0
                }
                if case .scatter(let mode, _) = primitive, mode != .set, let count = updates {
                    add(.elementwise, type, count * 8 / Double(type.bitWidth))
                }
            case .conditional(let then, let otherwise):
                let branches = [then, otherwise].map { branch in
                    var work = NodeWork()
                    work.add(branch, times: 1, depth: depth + 1, countsBytes: true)
                    return work
                }
                // The longer branch is taken to run.
                let isThen = branches[0].extent >= branches[1].extent
                append(branches[isThen ? 0 : 1], times: 1, countsBytes: true)
            case .loop(let condition, let body):
                let times = tripCount ?? Self.assumedIterations
                if tripCount == nil { assumedLoopCount += 1 }
                add(condition, times: times, depth: depth + 1)
                add(body, times: times, depth: depth + 1, countsBytes: true)
            default:
                switch primitive.code.group {
                case .elementwise: add(Self.isTranscendental(primitive) ? .transcendental : .elementwise, type, results)
                case .reduction, .sorting: add(.reduction, type, operands.reduce(0) { $0 + Self.count($1) })
                case .source, .movement, .control, .contraction: break
                }
            }
        }
    }

    init() {}

    private mutating func setOperandBytes(_ index: Int, _ count: Double) {
        guard operandByteCounts.indices.contains(index) else { return }
        operandByteCounts[index] = count
        readByteCount = operandByteCounts.reduce(0, +)
    }

    private mutating func makeView() {
        isView = true
        operandByteCounts = operandByteCounts.map { _ in 0 }
        (readByteCount, writtenByteCount) = (0, 0)
    }

    /// Which of two branches is longer, roughly.
    private var extent: Double { operationCount + byteCount }

    // MARK: - Types

    /// The scalar type that a primitive computes in: that of what it compares or multiplies, the wider one of a conversion,
    /// else that of its result.
    private static func computedType(
        _ primitive: Primitive, _ operands: [TensorType], _ results: [TensorType]
    ) -> ScalarType {
        let (operand, result) = (operands.first?.scalarType, results.first?.scalarType)
        switch primitive.code {
        case .compare, .dot, .sort, .reduce: return operand ?? .float32
        case .convert:
            guard let operand, let result else { return .float32 }
            return operand.bitWidth > result.bitWidth ? operand : result
        default: return result ?? operand ?? .float32
        }
    }

    /// The matrices that `dot` multiplies.
    private static func product(_ dimensions: DotDimensions, _ operands: [TensorType]) -> Product? {
        guard operands.count == 2 else { return nil }
        let (left, right) = (operands[0].shape, operands[1].shape)
        func extent(_ shape: Shape, _ dimensions: [Int]) -> Double {
            dimensions.reduce(1) {
                shape.dimensions.indices.contains($1) ? $0 * Double(shape[$1].fixedValue ?? 1) : $0
            }
        }
        return Product(
            type: operands[0].scalarType, rows: extent(left, dimensions.leftFree(rank: left.rank)),
            columns: extent(right, dimensions.rightFree(rank: right.rank)),
            depth: extent(left, dimensions.leftContracting), count: extent(left, dimensions.leftBatch))
    }

    private static func isTranscendental(_ primitive: Primitive) -> Bool {
        switch primitive.code {
        case .exp, .log, .sin, .cos, .tanh, .power: true
        default: false
        }
    }

    // MARK: - Regions

    private static func definition(
        of composite: any Composite, _ operands: [TensorType]
    ) throws(GraphError) -> Graph {
        try GraphBuilder.region(operands) { (builder, terms) throws(GraphError) in
            try composite.decompose(terms, in: builder)
        }
    }

    /// Adds what a region computes. Its bytes only count where its nodes run one by one.
    private mutating func add(_ region: Graph, times: Double, depth: Int, countsBytes: Bool = false) {
        guard depth < Self.maximumDepth else { return }
        for node in region.nodes {
            if case .parameter = node.operation { continue }
            append(NodeWork(node, in: region, depth: depth), times: times, countsBytes: countsBytes)
        }
    }

    mutating func append(_ work: NodeWork, times: Double, countsBytes: Bool) {
        for share in work.shares { add(share.kind, share.type, share.count * times) }
        for var product in work.products {
            product.count *= times
            products.append(product)
        }
        assumedLoopCount += work.assumedLoopCount
        if countsBytes {
            readByteCount += work.readByteCount * times
            writtenByteCount += work.writtenByteCount * times
        }
    }

    private mutating func add(_ kind: Kind, _ type: ScalarType, _ count: Double) {
        guard count > 0 else { return }
        if let index = shares.firstIndex(where: { $0.kind == kind && $0.type == type }) {
            shares[index].count += count
        } else {
            shares.append(Share(kind: kind, type: type, count: count))
        }
    }

    // MARK: - Bytes

    /// Elements of a tensor; symbolic extents count as 1.
    public static func count(_ type: TensorType) -> Double {
        type.shape.dimensions.reduce(1) { $0 * Double($1.fixedValue ?? 1) }
    }

    /// Bytes of a dense tensor; symbolic extents count as 1.
    public static func bytes(_ type: TensorType) -> Double { count(type) * Double(type.scalarType.bitWidth) / 8 }

    /// The value that is read where `value` is: what it is a view of.
    public static func source(of value: Value, in graph: Graph) -> Value {
        var value = value
        while case .primitive(let primitive) = graph.node(of: value).operation,
            primitive.code == .reshape || primitive.code == .broadcast,
            let operand = graph.node(of: value).operands.first
        {
            value = operand
        }
        return value
    }

    /// Bytes of a value as it is read: one element where it is a constant that repeats one.
    public static func bytes(of value: Value, in graph: Graph) -> Double {
        let type = graph.type(of: value)
        guard case .primitive(.constant(let literal)) = graph.node(of: value).operation,
            case .splat = literal.contents
        else { return bytes(type) }
        return Double(type.scalarType.bitWidth) / 8
    }

    /// Bytes that each operand adds to what is read.
    private static func operandBytes(_ node: Node, _ graph: Graph) -> [Double] {
        var seen: [Value] = []
        return node.operands.map { operand in
            let source = source(of: operand, in: graph)
            if seen.contains(source) { return 0 }
            seen.append(source)
            return bytes(of: source, in: graph)
        }
    }

    /// Whether a node replaces a part of a value that nobody else uses, so that it can be changed in place.
    private static func isReplacing(_ node: Node, _ graph: Graph) -> Bool {
        guard let code = node.operation.primitive?.code, code == .scatter || code == .dynamicUpdateSlice,
            let replaced = node.operands.first
        else { return false }
        // A constant is the same in every run.
        if case .primitive(.constant) = graph.node(of: replaced).operation { return false }
        if graph.outputs.contains(where: { $0.value == replaced }) { return false }
        var uses = 0
        for other in graph.nodes { for operand in other.operands where operand == replaced { uses += 1 } }
        return uses == 1
    }
}
