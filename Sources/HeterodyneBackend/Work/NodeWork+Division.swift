// Heterodyne: the work of a node that several chips share.
// SPDX-License-Identifier: Apache-2.0

extension NodeWork {
    /// What nodes compute together, so many times; what they move only where they run one by one.
    package init(sum nodes: [NodeWork], times: Double, countsBytes: Bool) {
        self.init()
        for node in nodes { append(node, times: times, countsBytes: countsBytes && !node.isView) }
    }

    /// Adds what other nodes compute and move.
    package mutating func add(_ other: NodeWork) { append(other, times: 1, countsBytes: true) }

    /// Leaves what one chip does: `part` of the arithmetic, or `inner` where regions or definitions tell, with what those
    /// move besides operands and results; of each operand and result the part that `reads` and `writes` say.
    package mutating func divide(
        part: Double, inner: NodeWork?, reads: [Double], writes: [Double], resultByteCounts: [Double]
    ) {
        operandByteCounts = zip(operandByteCounts, reads).map { $0 * $1 }
        let written = zip(resultByteCounts, writes).reduce(0) { $0 + $1.0 * $1.1 }
        if isView { return }
        readByteCount = operandByteCounts.reduce(0, +)
        if let inner {
            (shares, products) = (inner.shares, inner.products)
            readByteCount += inner.readByteCount
            writtenByteCount = written + inner.writtenByteCount
        } else {
            shares = shares.map { Share(kind: $0.kind, type: $0.type, count: $0.count * part) }
            for index in products.indices { products[index].count *= part }
            // A node that replaces a part of a value writes no more than that.
            let total = resultByteCounts.reduce(0, +)
            if total > 0 { writtenByteCount *= written / total }
        }
    }
}
