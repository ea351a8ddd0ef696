// Heterodyne: what a node computes and moves, and how long that takes on a device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// What a node computes, by kind and scalar type, and the bytes that it reads and writes. An estimate from its types
/// alone.
struct NodeWork {
    /// Operations of one kind on one type.
    struct Share {
        var work: DeviceProfile.Work
        var type: ScalarType
        var count: Double
    }

    /// What is computed.
    private(set) var shares: [Share] = []
    /// Bytes read and written by the node on its own.
    private(set) var byteCount = 0.0
    /// Whether the node is only another view of its operand, which costs nothing.
    private(set) var isView = false

    /// How often a loop is taken to run: nothing tells before it does.
    private static let assumedIterations = 16.0

    init(_ node: Node, in graph: Graph) { self.init(node, node.operands.map(graph.type(of:)), depth: 0) }

    private init(_ node: Node, _ operands: [TensorType], depth: Int) {
        let results = node.resultTypes.reduce(0) { $0 + Self.count($1) }
        let resultBytes = node.resultTypes.reduce(0) { $0 + Self.bytes($1) }
        byteCount = operands.reduce(resultBytes) { $0 + Self.bytes($1) }
        let type = operands.first?.scalarType ?? node.resultTypes.first?.scalarType ?? .float32
        switch node.operation {
        case .parameter: isView = true
        case .composite(let composite):
            if let region = composite as? FusedRegion {
                add(region.body, times: 1, depth: depth + 1)
            } else if depth < 8, let definition = try? Self.definition(of: composite, operands) {
                add(definition, times: 1, depth: depth + 1)
            } else {
                add(.elementwise, type, results)
            }
        case .primitive(let primitive):
            switch primitive {
            case .reshape, .broadcast: isView = true
            case .dot(let dimensions, _, _):
                let contracted = dimensions.leftContracting.reduce(1.0) {
                    $0 * Double(operands[0].shape[$1].fixedValue ?? 1)
                }
                add(.contraction, type, 2 * results * contracted)
            case .gather, .slice, .dynamicSlice:
                // Only what is taken is read, and the indices.
                byteCount = operands.dropFirst().reduce(2 * resultBytes) { $0 + Self.bytes($1) }
            case .conditional(let then, let otherwise):
                let branches = [then, otherwise].map { branch in
                    var work = NodeWork()
                    work.add(branch, times: 1, depth: depth + 1)
                    return work
                }
                // The longer branch is taken to run.
                let longer = branches[0].total >= branches[1].total ? branches[0] : branches[1]
                shares = longer.shares
                byteCount += longer.byteCount
            case .loop(let condition, let body):
                add(condition, times: Self.assumedIterations, depth: depth + 1)
                add(body, times: Self.assumedIterations, depth: depth + 1, countsBytes: true)
            default:
                switch primitive.code.group {
                case .elementwise: add(Self.isTranscendental(primitive) ? .transcendental : .elementwise, type, results)
                case .reduction, .sorting: add(.reduction, type, operands.reduce(0) { $0 + Self.count($1) })
                case .source, .movement, .control, .contraction: break
                }
            }
        }
    }

    private init() {}

    private var total: Double { shares.reduce(byteCount) { $0 + $1.count } }

    private static func definition(
        of composite: any Composite, _ operands: [TensorType]
    ) throws(GraphError) -> Graph {
        try GraphBuilder.region(operands) { (builder, terms) throws(GraphError) in
            try composite.decompose(terms, in: builder)
        }
    }

    /// Adds what a region computes. Its bytes only count where its nodes run one by one.
    private mutating func add(_ region: Graph, times: Double, depth: Int, countsBytes: Bool = false) {
        guard depth < 16 else { return }
        for node in region.nodes {
            if case .parameter = node.operation { continue }
            let work = NodeWork(node, node.operands.map(region.type(of:)), depth: depth)
            for share in work.shares { add(share.work, share.type, share.count * times) }
            if countsBytes, !work.isView { byteCount += work.byteCount * times }
        }
    }

    private mutating func add(_ work: DeviceProfile.Work, _ type: ScalarType, _ count: Double) {
        if let index = shares.firstIndex(where: { $0.work == work && $0.type == type }) {
            shares[index].count += count
        } else {
            shares.append(Share(work: work, type: type, count: count))
        }
    }

    private static func isTranscendental(_ primitive: Primitive) -> Bool {
        switch primitive.code {
        case .exp, .log, .sin, .cos, .tanh, .power: true
        default: false
        }
    }

    static func count(_ type: TensorType) -> Double {
        type.shape.dimensions.reduce(1) { $0 * Double($1.fixedValue ?? 1) }
    }

    static func bytes(_ type: TensorType) -> Double { count(type) * Double(type.scalarType.bitWidth) / 8 }

    /// Seconds on a device: the longer of computing and moving bytes, `savedBytes` of which stay in registers because
    /// neighbours run in the same pass.
    func seconds(
        on profile: DeviceProfile, legalizations: [TypeLegalization], savedBytes: Double, hasStep: Bool
    ) -> Double {
        if isView { return 0 }
        let factor = legalizations.reduce(1) { max($0, $1.costFactor) }
        let computing = shares.reduce(0) { sum, share in
            // What stands in for a type has 32 bits.
            let isReplaced = legalizations.contains { $0.type == share.type }
            let type: ScalarType = isReplaced ? (share.type.isFloatingPoint ? .float32 : .uint32) : share.type
            return sum + share.count / profile.rate(share.work, type).value * (isReplaced ? factor : 1)
        }
        let moving = max(byteCount - savedBytes, 0) / profile.memory.value
        return max(computing, moving) + (hasStep ? profile.step.value : 0)
    }
}
