// Heterodyne: lowering of if and while: regions become programs whose invocations belong to the parent's.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// Compiles a region as a child program and returns its number.
    private func child(_ region: Graph) throws(BackendError) -> Int {
        let unit = CompilationUnit(graph: region, arithmetic: arithmetic, label: "region")
        children.append(try HostProgram(unit, options: options, pool: pool, threads: threads))
        return children.count - 1
    }

    /// A value as its bytes lie between program and region: dense, 4-bit integers packed.
    private func crossing(_ value: Value) -> StridedView {
        let type = graph.type(of: value).scalarType
        let view = dense(value)
        guard type.bitWidth == 4 else { return view }
        let packed = newResult([type.byteCount(of: view.count) ?? 0], .uint8)
        emitConvert(view, view.type, to: packed, type)
        return packed
    }

    /// Memory for the results of a region.
    private func newResults(_ node: Node) throws(BackendError) -> [StridedView] {
        var results: [StridedView] = []
        for type in node.resultTypes {
            let extents = try extents(type)
            if type.scalarType.bitWidth == 4 {
                results.append(newResult([type.scalarType.byteCount(of: Strides.count(extents)) ?? 0], .uint8))
            } else {
                results.append(newResult(extents, type.scalarType))
            }
        }
        return results
    }

    /// What a region left, as values of this program: 4-bit integers unpacked.
    private func unpacked(_ results: [StridedView], _ node: Node) throws(BackendError) -> [StridedView] {
        var views: [StridedView] = []
        for (view, type) in zip(results, node.resultTypes) {
            guard type.scalarType.bitWidth == 4 else {
                views.append(view)
                continue
            }
            let result = newResult(try extents(type), Self.stored(type.scalarType))
            emitConvert(view, type.scalarType, to: result, result.type, count: result.count)
            views.append(result)
        }
        return views
    }

    func lowerConditional(_ node: Node, _ then: Graph, _ otherwise: Graph) throws(BackendError) -> [StridedView] {
        let predicate = dense(node.operands[0])
        let operands = node.operands.dropFirst().map { crossing($0) }
        let branches = [try child(then), try child(otherwise)]
        let results = try newResults(node)
        let payload = ControlPayload(
            inputs: operands.count, outputs: results.count, byteCounts: store.array(results.map(\.byteCount)))
        let arguments = [Argument.child(branches[0]), .child(branches[1]), argument(predicate)]
        emit(
            runConditional, store.store(payload), arguments + (operands + results).map(argument), writes: results,
            isParallel: true, "if \(node.resultTypes)")
        return try unpacked(results, node)
    }

    func lowerLoop(_ node: Node, _ condition: Graph, _ body: Graph) throws(BackendError) -> [StridedView] {
        let operands = node.operands.map { crossing($0) }
        let programs = [try child(condition), try child(body)]
        // The state alternates between two sets of blocks; the first becomes the result.
        let results = try newResults(node)
        let others = try newResults(node)
        for (operand, result) in zip(operands, results) { emitCopy(from: operand, to: result) }
        let flag = newResult([], .bool)
        let payload = ControlPayload(
            inputs: results.count, outputs: results.count, byteCounts: store.array(results.map(\.byteCount)))
        let arguments = [Argument.child(programs[0]), .child(programs[1]), argument(flag)]
        emit(
            runLoop, store.store(payload), arguments + (results + others).map(argument),
            writes: results + others + [flag], isParallel: true, "while \(node.resultTypes)")
        return try unpacked(results, node)
    }
}
