// Heterodyne: ONNX operators: the boxes that remain when those are left out that overlap better ones.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorContext {
    /// `NonMaxSuppression`: for every batch and class the best boxes, as rows (batch, class, box), each of which
    /// overlaps no better one of them by more than the threshold.
    ///
    /// A loop takes the best box that is left and removes those that overlap it, for all batches and classes at once.
    /// It needs memory for `batches x classes x boxes` elements, not for all pairs of boxes, and ends when enough are
    /// taken or none is left.
    func nonMaxSuppression() throws(GraphError) -> Term {
        let boxes = try term(0)
        let scores = try term(1)
        guard boxes.rank == 3, scores.rank == 3, boxes.shape[2] == 4, boxes.shape[0] == scores.shape[0],
            boxes.shape[1] == scores.shape[2]
        else {
            throw GraphError(
                .shapeMismatch,
                "boxes are \(boxes.type) and scores are \(scores.type); [batches, boxes, 4] and "
                    + "[batches, classes, boxes] belong together")
        }
        let extents = try scores.extents()
        let (batches, classes, count) = (extents[0], extents[1], extents[2])
        // As many as there are boxes can be taken, fewer where the model says so with a constant.
        var room = count
        var limit = try builder.constant(0, .scalar(.int64))
        if let given = try optionalTerm(2), given.shape.dimensions.allSatisfy({ $0 == 1 }) {
            limit = try given.convert(.int64).reshape([])
            if let known = try constantLiteral(limit)?.splatBits {
                room = min(count, max(0, Int(Int64(bitPattern: known))))
            }
        } else {
            room = 0
        }
        guard room > 0, batches > 0, classes > 0 else {
            return try builder.constant(Literal(splatBits: 0, type: TensorType(.int64, [0, 3])))
        }
        let chosen = try suppress(boxes, scores, limit: limit, room: room)
        let flat = try chosen.reshape([batches * classes * room])
        let (positions, kept) = try positions(of: flat.compare(.greaterOrEqual, 0), keeping: [flat])
        let box = try kept[0].take(positions, axis: 0)
        let batch = try positions / positions.like(Double(classes * room))
        let label = try (positions / positions.like(Double(room))).remainder(positions.like(Double(classes)))
        return try builder.stack([batch, label, box], axis: 1)
    }

    /// The threshold of input `index`, 0 where it is left out or empty.
    private func threshold(_ index: Int) throws(GraphError) -> Term? {
        guard let given = try optionalTerm(index), given.shape.dimensions.allSatisfy({ $0 == 1 }) else { return nil }
        return try given.convert(.float32).reshape([])
    }

    /// The boxes that are taken, `[batches, classes, room]` in order, -1 where there are no more.
    private func suppress(
        _ boxes: Term, _ scores: Term, limit: Term, room: Int
    ) throws(GraphError) -> Term {
        let extents = try scores.extents()
        let (batches, classes, count) = (extents[0], extents[1], extents[2])
        let isCentered = try bool("center_point_box")
        let edges = try BoxEdges(boxes, isCentered: isCentered)
        let order = try scores.sortPermutation(dimension: 2, descending: true)
        let rank = try order.sortPermutation(dimension: 2)
        let everyBox = TensorType(.bool, scores.shape)
        var isLeft = try builder.constant(1, everyBox)
        if let lowest = try threshold(4) {
            isLeft = try scores.convert(.float32).compare(.greater, lowest.broadcast(to: scores.shape))
        }
        var overlap = try builder.constant(0, .scalar(.float32))
        if let given = try threshold(3) { overlap = given }
        let none = try builder.constant(-1, TensorType(.int64, [batches, classes, room]))
        let turn = try builder.constant(0, .scalar(.int64))
        let rounds = try limit.minimum(limit.like(Double(room)))
        let state = [turn, rounds, isLeft, none, order, rank, overlap] + edges.terms
        let types = state.map(\.type)
        let condition = try GraphBuilder.region(types) { (_, state) throws(GraphError) in
            let isAnyLeft = try state[2].reduce(.or, [0, 1, 2])
            return [try state[0].compare(.less, state[1]).and(isAnyLeft)]
        }
        let body = try GraphBuilder.region(types) { (builder, state) throws(GraphError) in
            let (turn, isLeft, chosen, order, rank) = (state[0], state[2], state[3], state[4], state[5])
            let edges = BoxEdges(Array(state[7...]))
            // The lowest rank that is left, and the box that has it.
            let best = try isLeft.select(rank, rank.like(Double(count))).reduce(.minimum, [2])
            let hasBest = try best.compare(.less, Double(count))
            let box = try order.gatherElements(
                best.minimum(best.like(Double(count - 1))).reshape([batches, classes, 1]), axis: 2)
            let winner = try edges.chosen(box)
            let isBeaten = try winner.overlap(edges, [batches, classes, count])
                .compare(.greater, state[6].broadcast(to: everyBox.shape))
            let isBest = try rank.compare(.equal, best.broadcast(rank.shape, dimensions: [0, 1]))
            let remains = try isLeft.and(isBeaten.or(isBest).not())
            let entry = try hasBest.reshape(box.shape).select(box, box.like(-1))
            let zero = try builder.constant(0, .scalar(.int64))
            let next = try chosen.dynamicUpdateSlice(entry, [zero, zero, turn])
            return [try turn + 1, state[1], remains, next] + state[4...]
        }
        return try builder.loop(state, condition: condition, body: body)[3]
    }
}

/// Boxes as their lower and upper edges in both directions, and their areas, each of one shape.
private struct BoxEdges {
    var (top, left, bottom, right, area): (Term, Term, Term, Term, Term)

    var terms: [Term] { [top, left, bottom, right, area] }

    init(_ terms: [Term]) {
        (top, left, bottom, right, area) = (terms[0], terms[1], terms[2], terms[3], terms[4])
    }

    /// From rows of two opposite corners (y, x, y, x), or of (x, y, width, height) with the middle.
    init(_ boxes: Term, isCentered: Bool) throws(GraphError) {
        let shape = Shape(Array(boxes.shape.dimensions.dropLast()))
        let wide = try boxes.convert(.float32)
        var columns: [Term] = []
        for index in 0..<4 {
            columns.append(
                try wide.slice(dimension: 2, from: .fixed(index), to: .fixed(index + 1)).reshape(shape))
        }
        if isCentered {
            let (width, height) = (try columns[2] / 2, try columns[3] / 2)
            (left, right) = (try columns[0] - width, try columns[0] + width)
            (top, bottom) = (try columns[1] - height, try columns[1] + height)
        } else {
            (top, bottom) = (try columns[0].minimum(columns[2]), try columns[0].maximum(columns[2]))
            (left, right) = (try columns[1].minimum(columns[3]), try columns[1].maximum(columns[3]))
        }
        area = try (bottom - top) * (right - left)
    }

    /// For boxes `[batches, boxes]` and one choice `[batches, classes, 1]` each: the edges of the chosen ones.
    func chosen(_ box: Term) throws(GraphError) -> BoxEdges {
        let batch = try box.builder.iota(box.type, dimension: 0)
        let vectors = try box.builder.concatenate([batch, box], dimension: 2)
        var parts: [Term] = []
        for edge in terms { parts.append(try edge.gather(vectors, dimensions: [0, 1])) }
        return BoxEdges(parts)
    }

    /// The part that one box `[batches, classes]` and each of `others` `[batches, boxes]` share of the area that they
    /// cover together, `[batches, classes, boxes]`; 0 where they share none or one has no area.
    func overlap(_ others: BoxEdges, _ extents: [Int]) throws(GraphError) -> Term {
        let shape = Shape(extents)
        func mine(_ term: Term) throws(GraphError) -> Term { try term.broadcast(shape, dimensions: [0, 1]) }
        func theirs(_ term: Term) throws(GraphError) -> Term { try term.broadcast(shape, dimensions: [0, 2]) }
        let height = try mine(bottom).minimum(theirs(others.bottom)) - mine(top).maximum(theirs(others.top))
        let width = try mine(right).minimum(theirs(others.right)) - mine(left).maximum(theirs(others.left))
        let shared = try height * width
        let covered = try mine(area) + theirs(others.area) - shared
        let zero = try shared.like(0)
        var overlaps = try height.compare(.greater, zero).and(width.compare(.greater, zero))
        for part in try [mine(area), theirs(others.area), covered, shared] {
            overlaps = try overlaps.and(part.compare(.greater, zero))
        }
        return try overlaps.select(shared / covered, shared.like(-.infinity))
    }
}
