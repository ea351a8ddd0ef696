// Heterodyne: slices of the factors of a product in workgroup memory.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// The buffer of a factor.
struct SliceSource {
    let array: MemoryArray
    let isLeft: Bool
    let layout: DotOperandClass
    let type: ScalarType

    init(_ k: KernelBuilder, _ dot: DotClass, isLeft: Bool) {
        self.isLeft = isLeft
        layout = isLeft ? dot.left : dot.right
        type = isLeft ? dot.types.left : dot.types.right
        let element = ScalarCode.memory(type).with(width: layout.width)
        array = k.buffer(isLeft ? "left" : "right", element, .read, slot: isLeft ? 0 : 1)
    }
}

/// A slice of a factor in workgroup memory: `edge` rows or columns, `depth` deep; element (e, d) is at `d * pitch + e`.
///
/// `fetch` reads the next slice into registers, `keep` puts it into workgroup memory, so that a slice can be fetched
/// while the one before is multiplied. Rows and columns beyond the edge repeat the last one; what lies beyond the depth
/// is zero.
struct WorkgroupSlice {
    let shared: MemoryArray
    let pitch: Int
    private let frame: DotFrame
    private let source: SliceSource
    private let edge: Int
    private let depth: Int
    private let invocations: Int
    private let prepare: (KernelValue, ScalarType) -> KernelValue
    /// What the invocation has fetched and not yet kept.
    private let fetched: [Variable]

    /// - Parameters:
    ///   - invocations: how many the workgroup has.
    ///   - element: the type of elements in workgroup memory.
    ///   - prepare: what makes them of elements (or vectors) of the factor's type in memory.
    init(
        _ frame: DotFrame, _ source: SliceSource, edge: Int, depth: Int, pitch: Int, invocations: Int,
        element: KernelType, prepare: @escaping (KernelValue, ScalarType) -> KernelValue
    ) {
        (self.frame, self.source, self.edge, self.depth) = (frame, source, edge, depth)
        (self.pitch, self.invocations, self.prepare) = (pitch, invocations, prepare)
        let k = frame.place.builder
        shared = k.workgroupArray(source.isLeft ? "left_slice" : "right_slice", element, count: depth * pitch)
        let width = source.layout.width
        let rounds = (edge * depth / width + invocations - 1) / invocations
        let zero = k.constant(bits: 0, element.with(width: width))
        fetched = (0..<rounds).map { _ in k.variable(zero) }
    }

    private var k: KernelBuilder { frame.place.builder }
    private var width: Int { source.layout.width }
    private var isAlongEdge: Bool { source.layout.order == .alongEdge }

    /// Position along the edge and along the depth of the vector that the invocation handles in a round, and whether
    /// there is one (nil: there always is).
    private func position(_ round: Int) -> (edge: KernelValue, depth: KernelValue, isThere: KernelValue?) {
        let number = k.builtin(.localIndex) + round * invocations
        let count = edge * depth / width
        let isThere = (round + 1) * invocations > count ? number .< k.constant(count, .u32) : nil
        // Neighbours fetch what is neighbouring in memory.
        if isAlongEdge {
            let group = k.constant(edge / width, .u32)
            return ((number % group) * width, number / group, isThere)
        }
        let group = k.constant(depth / width, .u32)
        return (number / group, (number % group) * width, isThere)
    }

    /// Fetches the slice that begins at `start`.
    func fetch(_ start: KernelValue) {
        let index = frame.place.dot.indexType.scalar
        let (first, extent) = source.isLeft ? (frame.row, frame.rows) : (frame.column, frame.columns)
        let operand = source.isLeft ? frame.left : frame.right
        for (round, variable) in fetched.enumerated() {
            let (edge, depth, _) = position(round)
            let e = (first + edge).minimum(extent - (isAlongEdge ? width : 1)).converted(to: index)
            let d = start + depth
            let isInside = d .< frame.depthEnd
            let at = d.minimum(frame.depthEnd - (isAlongEdge ? 1 : width)).converted(to: index)
            let along = isAlongEdge ? e : e * operand.edgeStride
            let across = source.layout.order == .alongDepth ? at : at * operand.depthStride
            let place = operand.base + along + across
            let value = prepare(source.array[width > 1 ? place >> 2 : place], source.type)
            variable.value = k.select(isInside, value, k.constant(bits: 0, value.type))
        }
    }

    /// Puts what was fetched into workgroup memory.
    func keep() {
        for (round, variable) in fetched.enumerated() {
            let (edge, depth, isThere) = position(round)
            let value = variable.value
            func store() {
                for part in 0..<width {
                    let place = isAlongEdge ? depth * pitch + edge + part : (depth + part) * pitch + edge
                    shared[place] = width > 1 ? value[part] : value
                }
            }
            if let isThere { k.if(isThere) { store() } } else { store() }
        }
    }
}
