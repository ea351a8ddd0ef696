// Heterodyne: ONNX operators: ensembles of decision trees.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// Decision trees as tables: all rows walk down all trees together, one level per step, by gathering the feature, the
/// threshold and the two next nodes of where they are. Leaves lead to themselves, so that as many steps as the deepest
/// tree has levels bring every row to a leaf.
struct TreeEnsembleImport {
    private enum Mode: Int { case lessOrEqual, less, greaterOrEqual, greater, equal, notEqual }

    private enum Aggregation { case sum, average, minimum, maximum }

    private struct Node {
        var mode = Mode.lessOrEqual
        var feature = 0
        var threshold = 0.0
        var missingIsTrue = false
        /// Where to go if the comparison holds, and if not. A leaf has itself twice.
        var yes = 0
        var no = 0
    }

    private let context: OperatorContext
    private let x: Term
    private var nodes: [Node] = []
    /// Contributions (target, weight) of the nodes that are leaves.
    private var votes: [Int: [(target: Int, weight: Double)]] = [:]
    private var roots: [Int] = []
    private var targetCount = 0
    private var aggregation = Aggregation.sum
    private var base: [Double] = []

    private static let tableLimit = 1 << 26

    // MARK: - Reading

    /// `TreeEnsemble`: inner nodes and leaves are listed apart.
    init(ensemble context: OperatorContext) throws(GraphError) {
        self.context = context
        x = try context.featureRows()
        let features = try context.ints("nodes_featureids")
        let count = features.count
        let modes = try Self.numbers(context, "nodes_modes") ?? []
        let thresholds = try Self.numbers(context, "nodes_splits") ?? []
        let yes = try context.ints("nodes_truenodeids")
        let no = try context.ints("nodes_falsenodeids")
        let yesIsLeaf = try context.ints("nodes_trueleafs")
        let noIsLeaf = try context.ints("nodes_falseleafs")
        let missing = try context.ints("nodes_missing_value_tracks_true", default: [])
        let weights = try Self.numbers(context, "leaf_weights") ?? []
        let targets = try context.ints("leaf_targetids")
        try Self.checkCounts(
            count, [modes.count, thresholds.count, yes.count, no.count, yesIsLeaf.count, noIsLeaf.count])
        try Self.checkCounts(weights.count, [targets.count])
        targetCount = try context.int("n_targets", default: 1)
        switch try context.int("aggregate_function", default: 1) {
        case 0: aggregation = .average
        case 1: aggregation = .sum
        case 2: aggregation = .minimum
        case 3: aggregation = .maximum
        case let other:
            throw GraphError(.invalidAttribute, "attribute 'aggregate_function' is \(other); it may be 0 to 3")
        }
        // Nodes that test for members of a set become chains of comparisons behind the leaves.
        var members = try Self.memberSets(context)[...]
        nodes = [Node](repeating: Node(), count: count + weights.count)
        for leaf in weights.indices {
            let index = count + leaf
            (nodes[index].yes, nodes[index].no) = (index, index)
            votes[index] = [(targets[leaf], weights[leaf])]
        }
        func target(_ id: Int, _ isLeaf: Int) throws(GraphError) -> Int {
            guard id >= 0, id < (isLeaf != 0 ? weights.count : count) else {
                throw GraphError(.invalidAttribute, "a tree leads to \(isLeaf != 0 ? "leaf" : "node") \(id)")
            }
            return isLeaf != 0 ? count + id : id
        }
        for index in 0..<count {
            var node = Node()
            node.feature = features[index]
            node.threshold = thresholds[index]
            node.missingIsTrue = missing.indices.contains(index) && missing[index] != 0
            node.yes = try target(yes[index], yesIsLeaf[index])
            node.no = try target(no[index], noIsLeaf[index])
            if modes[index] == 6 {
                node.mode = .equal
                guard let set = members.popFirst() else {
                    throw GraphError(.invalidAttribute, "attribute 'membership_values' has too few sets")
                }
                // The node itself compares the first member; the others follow at the end, each leading to the next.
                let otherwise = node.no
                node.threshold = set.first ?? .nan
                if set.count > 1 { node.no = nodes.count }
                for (position, member) in set.enumerated().dropFirst() {
                    var link = node
                    link.threshold = member
                    link.no = position + 1 < set.count ? nodes.count + 1 : otherwise
                    nodes.append(link)
                }
            } else {
                guard let mode = Int(exactly: modes[index]).flatMap(Mode.init(rawValue:)) else {
                    throw GraphError(.invalidAttribute, "mode \(modes[index]) of node \(index) is not known")
                }
                node.mode = mode
            }
            nodes[index] = node
        }
        roots = try context.ints("tree_roots")
        try check()
    }

    /// `TreeEnsembleRegressor` and `TreeEnsembleClassifier`: leaves are nodes, which tree and number name.
    init(nodes context: OperatorContext, role: String) throws(GraphError) {
        self.context = context
        x = try context.featureRows()
        let trees = try context.ints("nodes_treeids")
        let numbers = try context.ints("nodes_nodeids")
        let features = try context.ints("nodes_featureids")
        let thresholds = try Self.numbers(context, "nodes_values") ?? []
        let yes = try context.ints("nodes_truenodeids")
        let no = try context.ints("nodes_falsenodeids")
        let modes = try context.optionalStrings("nodes_modes") ?? []
        let missing = try context.ints("nodes_missing_value_tracks_true", default: [])
        let count = trees.count
        try Self.checkCounts(
            count, [numbers.count, features.count, thresholds.count, yes.count, no.count, modes.count])
        var places: [[Int]: Int] = [:]
        var seen: Set<Int> = []
        for index in 0..<count {
            places[[trees[index], numbers[index]]] = index
            if seen.insert(trees[index]).inserted { roots.append(index) }
        }
        for index in 0..<count {
            var node = Node()
            node.feature = features[index]
            node.threshold = thresholds[index]
            node.missingIsTrue = missing.indices.contains(index) && missing[index] != 0
            (node.yes, node.no) = (index, index)
            if modes[index] != "LEAF" {
                let known: [String: Mode] = [
                    "BRANCH_LEQ": .lessOrEqual, "BRANCH_LT": .less, "BRANCH_GTE": .greaterOrEqual,
                    "BRANCH_GT": .greater, "BRANCH_EQ": .equal, "BRANCH_NEQ": .notEqual,
                ]
                guard let mode = known[modes[index]], let first = places[[trees[index], yes[index]]],
                    let second = places[[trees[index], no[index]]]
                else {
                    throw GraphError(
                        .invalidAttribute,
                        "node \(numbers[index]) of tree \(trees[index]) has mode \(quoted(modes[index])) and leads to "
                            + "\(yes[index]) and \(no[index]), which the tree must have")
                }
                node.mode = mode
                (node.yes, node.no) = (first, second)
            }
            nodes.append(node)
        }
        let voteTrees = try context.ints("\(role)_treeids")
        let voteNodes = try context.ints("\(role)_nodeids")
        let targets = try context.ints("\(role)_ids")
        let weights = try Self.numbers(context, "\(role)_weights") ?? []
        try Self.checkCounts(voteTrees.count, [voteNodes.count, targets.count, weights.count])
        for (index, tree) in voteTrees.enumerated() {
            guard let place = places[[tree, voteNodes[index]]] else {
                throw GraphError(.invalidAttribute, "tree \(tree) has no node \(voteNodes[index]) to vote")
            }
            votes[place, default: []].append((targets[index], weights[index]))
        }
        base = try Self.numbers(context, "base_values") ?? []
        if role == "class" {
            targetCount = try ClassLabels(context, "classlabels_int64s", "classlabels_strings").count
        } else {
            targetCount = try context.int("n_targets", default: 1)
            aggregation = try context.choice(
                "aggregate_function", default: "SUM",
                ["SUM": .sum, "AVERAGE": .average, "MIN": .minimum, "MAX": .maximum])
        }
        try check()
    }

    private static func checkCounts(_ count: Int, _ counts: [Int]) throws(GraphError) {
        for other in counts where other != count {
            throw GraphError(
                .invalidAttribute, "its lists of nodes or leaves differ in length: \(other) besides \(count)")
        }
    }

    /// Numbers that an attribute gives as a list or, under the name or the name with `_as_tensor`, as a tensor.
    private static func numbers(_ context: OperatorContext, _ name: String) throws(GraphError) -> [Double]? {
        for candidate in [name, "\(name)_as_tensor"] {
            guard case .tensor(let tensor)? = context.attribute(candidate) else { continue }
            let literal = try lifting("tensor") { () throws(ONNXError) in try tensor.literal() }
            var numbers: [Double] = []
            for index in 0..<(try literal.type.elementCount()) {
                numbers.append(literal.type.scalarType.number(fromBits: literal.bits(at: index)))
            }
            return numbers
        }
        return try context.optionalFloats(name)
    }

    /// Sets of members, which NaN ends.
    private static func memberSets(_ context: OperatorContext) throws(GraphError) -> [[Double]] {
        var sets: [[Double]] = []
        var set: [Double] = []
        for number in try numbers(context, "membership_values") ?? [] {
            if number.isNaN {
                sets.append(set)
                set = []
            } else {
                set.append(number)
            }
        }
        if !set.isEmpty { sets.append(set) }
        return sets
    }

    private func check() throws(GraphError) {
        let features = try x.extents()[1]
        guard targetCount >= 1, !roots.isEmpty, roots.allSatisfy(nodes.indices.contains) else {
            throw GraphError(.invalidAttribute, "it has no trees, no targets, or roots that are no nodes")
        }
        for node in nodes where node.yes != node.no && (node.feature < 0 || node.feature >= features) {
            throw GraphError(.invalidAttribute, "a node compares feature \(node.feature) of \(features)")
        }
        for vote in votes.values.joined() where vote.target < 0 || vote.target >= targetCount {
            throw GraphError(.invalidAttribute, "a leaf votes for target \(vote.target) of \(targetCount)")
        }
        let (size, overflow) = nodes.count.multipliedReportingOverflow(by: targetCount)
        guard !overflow, size <= Self.tableLimit else {
            throw GraphError(.overflow, "\(nodes.count) nodes and \(targetCount) targets are too many")
        }
    }

    /// The levels of the deepest tree. Throws where a tree leads back to itself.
    private func depth() throws(GraphError) -> Int {
        var depths = [Int](repeating: -1, count: nodes.count)
        var isOpen = [Bool](repeating: false, count: nodes.count)
        var stack = roots
        while let index = stack.last {
            let node = nodes[index]
            if depths[index] >= 0 {
                stack.removeLast()
            } else if node.yes == index && node.no == index {
                depths[index] = 0
            } else if isOpen[index] {
                guard depths[node.yes] >= 0, depths[node.no] >= 0 else {
                    throw GraphError(.invalidAttribute, "a tree leads back to one of its nodes")
                }
                depths[index] = max(depths[node.yes], depths[node.no]) + 1
            } else {
                isOpen[index] = true
                for next in [node.yes, node.no] where depths[next] < 0 {
                    guard !isOpen[next] else {
                        throw GraphError(.invalidAttribute, "a tree leads back to one of its nodes")
                    }
                    stack.append(next)
                }
            }
        }
        return roots.map { depths[$0] }.max() ?? 0
    }

    // MARK: - Walking

    private func table(_ values: [Double], _ type: ScalarType) throws(GraphError) -> Term {
        try context.builder.constant(Literal(values)).convert(type)
    }

    private func flags(_ values: [Bool]) throws(GraphError) -> Term { try context.builder.constant(Literal(values)) }

    /// The leaf of every row in every tree.
    private func leaves() throws(GraphError) -> Term {
        let depth = try depth()
        guard depth <= 4_096 else { throw GraphError(.overflow, "a tree has \(depth) levels; the limit is 4096") }
        let builder = context.builder
        let shape = Shape([x.shape[0], .fixed(roots.count)])
        var place = try builder.constant(Literal(roots.map { Int32(truncatingIfNeeded: $0) })).broadcast(to: shape)
        let features = try table(nodes.map { Double($0.feature) }, .int32)
        let thresholds = try table(nodes.map(\.threshold), x.scalarType)
        let yes = try table(nodes.map { Double($0.yes) }, .int32)
        let no = try table(nodes.map { Double($0.no) }, .int32)
        let inner = nodes.indices.filter { nodes[$0].yes != $0 || nodes[$0].no != $0 }.map { nodes[$0] }
        let modes = Set(inner.map(\.mode))
        let mayMiss = inner.contains(where: \.missingIsTrue)
        for _ in 0..<depth {
            let values = try builder.add(GatherElements(axis: 1), [x, features.take(place, axis: 0)])
            let limits = try thresholds.take(place, axis: 0)
            var holds: Term?
            for mode in modes.sorted(by: { $0.rawValue < $1.rawValue }) {
                let direction: ComparisonDirection =
                    switch mode {
                    case .lessOrEqual: .lessOrEqual
                    case .less: .less
                    case .greaterOrEqual: .greaterOrEqual
                    case .greater: .greater
                    case .equal: .equal
                    case .notEqual: .notEqual
                    }
                let compared = try values.compare(direction, limits)
                guard let before = holds else {
                    holds = compared
                    continue
                }
                holds = try flags(nodes.map { $0.mode == mode }).take(place, axis: 0).select(compared, before)
            }
            guard var decision = holds else { return place }
            if mayMiss {
                let misses = try flags(nodes.map(\.missingIsTrue)).take(place, axis: 0)
                decision = try decision.or(values.compare(.notEqual, values).and(misses))
            }
            place = try decision.select(yes.take(place, axis: 0), no.take(place, axis: 0))
        }
        return place
    }

    /// The aggregated votes `[rows, targets]`, with the base values.
    private func scores() throws(GraphError) -> Term {
        let type = x.scalarType
        let filler: Double
        let kind: ReductionKind
        let largest = type == .float64 ? Double.greatestFiniteMagnitude : Double(Float.greatestFiniteMagnitude)
        switch aggregation {
        case .sum, .average: (filler, kind) = (0, .sum)
        case .minimum: (filler, kind) = (largest, .minimum)
        case .maximum: (filler, kind) = (-largest, .maximum)
        }
        var weights = [Double](repeating: filler, count: nodes.count * targetCount)
        for (node, all) in votes {
            for vote in all {
                let index = node * targetCount + vote.target
                switch aggregation {
                case .sum, .average: weights[index] += vote.weight
                case .minimum: weights[index] = min(weights[index], vote.weight)
                case .maximum: weights[index] = max(weights[index], vote.weight)
                }
            }
        }
        let table = try context.builder.constant(
            Literal(weights, shape: [.fixed(nodes.count), .fixed(targetCount)])
        ).convert(type)
        var scores = try table.take(leaves(), axis: 0).reduce(kind, [1])
        if aggregation == .average { scores = try scores / Double(roots.count) }
        guard !base.isEmpty else { return scores }
        guard base.count == targetCount || base.count == 1 else {
            throw GraphError(.invalidAttribute, "\(base.count) base values are given for \(targetCount) targets")
        }
        return try scores + self.table(base, type).broadcast(to: scores.shape)
    }

    /// The transformed scores.
    func targets() throws(GraphError) -> Term {
        let scores = try ScoreTransform(context).apply(scores())
        // The older operator gives float32 also for float64 features.
        return context.node.opType == "TreeEnsemble" ? scores : try scores.convert(.float32)
    }

    /// The best class of every row and the scores.
    func classes() throws(GraphError) -> [ImportedValue] {
        let labels = try ClassLabels(context, "classlabels_int64s", "classlabels_strings")
        let transform = try ScoreTransform(context)
        var scores = try scores()
        // Votes for one class only are those for the second of two.
        if Set(votes.values.joined().map(\.target)).count == 1, let only = votes.values.joined().first?.target,
            targetCount <= 2
        {
            let second = try scores.slice(dimension: 1, from: .fixed(only), to: .fixed(only + 1))
            let isProbability = transform == .none || transform == .probit
            let first = try targetCount == 1 ? second.like(0) : (isProbability ? 1 - second : second.negate())
            scores = try context.builder.concatenate([first, second], dimension: 1)
        }
        let final = try transform.apply(scores)
        let label: ImportedValue
        if labels.count == 1, final.shape[1] == 2 {
            let second = try context.builder.add(ArgMax(ArgExtremeAttributes(axis: 1)), [final])
            label = try labels.binary(second.compare(.equal, 1), context)
        } else {
            label = try labels.best(of: final, context)
        }
        return [label, ImportedValue(try final.convert(.float32))]
    }
}
