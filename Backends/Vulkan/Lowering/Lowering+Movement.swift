// Heterodyne: copies, fills, packing, and the primitives that only move elements.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    func fixed(_ shape: Shape) throws(BackendError) -> [Int] { try fixed(shape.dimensions) }

    func fixed(_ dimensions: [Extent]) throws(BackendError) -> [Int] {
        var result: [Int] = []
        for dimension in dimensions {
            guard let value = dimension.fixedValue else {
                throw BackendError(.compilationFailed, "\(dimension) is not bound; bind symbols before compiling")
            }
            result.append(value)
        }
        return result
    }

    /// The view of a value under other extents; a copy where its strides have none.
    func reshaped(_ operand: Value, _ extents: [Int]) throws(BackendError) -> StridedView {
        if let view = view(operand).reshaped(extents) { return view }
        var copy = try dense(operand)
        copy.extents = extents
        copy.strides = Strides.dense(extents)
        return copy
    }

    /// The range of a dense view.
    func range(_ view: StridedView, _ kind: Access.Kind) -> PlannedBinding {
        PlannedBinding(root: view.root, byteOffset: view.byteOffset, byteCount: view.byteCount, kind: kind)
    }

    /// Copies `source` to `target`, which has the same extents and elements of the same size.
    func emitCopy(from source: StridedView, to target: StridedView) throws(BackendError) {
        guard source.count > 0 else { return }
        if let bits = source.splatBits, target.isDense { return try emitFill(target, bits: bits) }
        let name = "\(source.type)\(source.extents)"
        // Vulkan copies whole words at word addresses.
        let isAligned = source.byteOffset % 4 == 0 && target.byteOffset % 4 == 0 && source.byteCount % 4 == 0
        if source.isDense, target.isDense, isAligned {
            let (from, to) = (range(source, .read), range(target, .write))
            append(.copy(from: from, to: to), touching: [from, to], "copy \(name)")
            return
        }
        if let recipe = TransposeRecipe(from: source, to: target, self.target) {
            try emit(
                recipe, [.read(source), .write(target)], grid: recipe.grid, work: Double(2 * source.byteCount),
                "transpose \(name) strides \(source.strides) to \(target.strides)")
            return
        }
        let recipe = CopyRecipe(from: source, to: target, self.target)
        try checkIndices(recipe.space, source.extents)
        let invocations = recipe.invocations(points: source.count)
        try emit(
            recipe, [.read(source), .write(target)], constants: [count(invocations, recipe.space)],
            grid: .linear(workgroups: (invocations + recipe.workgroup - 1) / recipe.workgroup),
            work: Double(2 * source.byteCount), "copy \(name) strides \(source.strides) to \(target.strides)")
    }

    /// A number of invocations in the index type of a space.
    func count(_ invocations: Int, _ space: IndexSpace) -> PushValue {
        space.isWide
            ? .u64(UInt64(truncatingIfNeeded: invocations)) : .u32(UInt32(truncatingIfNeeded: invocations))
    }

    /// Writes one element, given by its bits, to every place of a view.
    func emitFill(_ target: StridedView, bits: UInt64) throws(BackendError) {
        guard target.count > 0 else { return }
        let size = target.elementSize
        let word: UInt32?
        switch size {
        case 1: word = UInt32(bits & 0xff) &* 0x0101_0101
        case 2: word = UInt32(bits & 0xffff) &* 0x0001_0001
        case 4: word = UInt32(truncatingIfNeeded: bits)
        default: word = bits >> 32 == bits & 0xffff_ffff ? UInt32(truncatingIfNeeded: bits) : nil
        }
        if let word, target.isDense, target.byteOffset % 4 == 0, target.byteCount % 4 == 0 {
            let range = range(target, .write)
            append(.fill(range, word: word), touching: [range], "fill \(target.type)\(target.extents)")
            return
        }
        var value = splat(bits, target.extents, target.type)
        value.splatBits = nil
        try emitCopy(from: value, to: target)
    }

    // MARK: - 4-bit integers

    /// The packed 4-bit integers of `source`, taken apart into bytes of `extents`.
    func unpacked(
        _ source: StridedView, _ extents: [Int], _ type: ScalarType
    ) throws(BackendError) -> StridedView {
        let result = newResult(extents, Self.stored(type))
        guard result.count > 0 else { return result }
        var bytes = source
        bytes.extents = [result.count / 2 + result.count % 2]
        bytes.strides = [1]
        bytes.type = .uint8
        try emitNibbles(.unpack, bytes, result, isSigned: type == .int4, count: result.count)
        return result
    }

    /// Packs the bytes of dense `source` into the 4-bit integers of `target`.
    func emitPack(_ source: StridedView, to target: StridedView) throws(BackendError) {
        guard source.count > 0 else { return }
        var bytes = target
        bytes.extents = [source.count / 2 + source.count % 2]
        bytes.strides = [1]
        bytes.type = .uint8
        try emitNibbles(.pack, source, bytes, isSigned: false, count: bytes.extents[0], of: source.count)
    }

    private func emitNibbles(
        _ direction: NibbleRecipe.Direction, _ source: StridedView, _ result: StridedView, isSigned: Bool, count: Int,
        of nibbles: Int = 0
    ) throws(BackendError) {
        guard count <= Int(UInt32.max) / 2 else {
            throw BackendError(.unsupported, "\(count) 4-bit integers are beyond 32-bit indices")
        }
        let recipe = NibbleRecipe(
            direction: direction, isSigned: isSigned, isOdd: nibbles % 2 == 1, origin: source.bound.origin,
            workgroup: target.linearWorkgroup)
        try emit(
            recipe, [.read(source), .write(result)], constants: [.u32(UInt32(count))],
            grid: .linear(workgroups: (count + recipe.workgroup - 1) / recipe.workgroup), work: Double(4 * count),
            "\(direction) 4-bit integers, \(count) bytes")
    }
}
