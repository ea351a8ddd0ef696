// Heterodyne: the numbers under which the text form and error messages name values.
// SPDX-License-Identifier: Apache-2.0

extension Graph {
    /// For every node, the number of its first result in the text form: values are numbered in order of definition.
    func firstValueNumbers() -> [Int] {
        var numbers: [Int] = []
        numbers.reserveCapacity(nodes.count)
        var next = 0
        for node in nodes {
            numbers.append(next)
            next += node.resultTypes.count
        }
        return numbers
    }

    /// The node as the text form prints it, without its attributes, for instance `%2 = dot(%0, %1) : float32[2, 3]`.
    ///
    /// Works for graphs that do not verify: operands that do not exist print as `%?`. Costs time in the number of
    /// nodes, so it is for messages; the printer has all lines at once.
    public func nodeText(_ index: Int) -> String {
        guard nodes.indices.contains(index) else { return "node \(index)" }
        let node = nodes[index]
        let numbers = firstValueNumbers()
        func name(_ value: Value) -> String {
            guard value.node >= 0, value.node < index, value.result >= 0 else { return "%?" }
            return "%\(numbers[Int(value.node)] + Int(value.result))"
        }
        let results = node.resultTypes.indices.map { "%\(numbers[index] + $0)" }.joined(separator: ", ")
        let types = node.resultTypes.map(\.description).joined(separator: ", ")
        if case .parameter(_, let name, _) = node.operation { return "input \(results) \"\(name)\": \(types)" }
        let operands = node.operands.map(name).joined(separator: ", ")
        return "\(results) = \(node.operation.name)(\(operands)) : \(types)"
    }
}
