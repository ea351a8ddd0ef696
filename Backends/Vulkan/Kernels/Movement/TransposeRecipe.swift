// Heterodyne: the kernel that copies where source and target are contiguous along different dimensions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// Copies between two views that are contiguous along different dimensions: each invocation loads four vectors along the
/// one and stores four vectors along the other, and a workgroup moves a square of such blocks, so that both sides touch
/// whole cache lines.
///
/// Slots: source, target.
struct TransposeRecipe: KernelRecipe {
    /// 1, 2 or 4.
    let elementSize: Int
    /// Elements of a block's edge.
    static let block = 4
    /// Blocks along each edge of a workgroup.
    static let edge = 8
    /// Blocks along the dimension in which the source is contiguous, and their step in the target.
    let sourceRun: (blocks: Int, step: Int)
    /// Blocks along the dimension in which the target is contiguous, and their step in the source.
    let targetRun: (blocks: Int, step: Int)
    /// The other dimensions.
    let extents: [Int]
    let sourceStrides: [Int]
    let targetStrides: [Int]
    let origins: [Int]

    static func == (a: TransposeRecipe, b: TransposeRecipe) -> Bool { a.key == b.key }
    func hash(into hasher: inout Hasher) { hasher.combine(key) }
    private var key: [[Int]] {
        [
            [elementSize, sourceRun.blocks, sourceRun.step, targetRun.blocks, targetRun.step], extents, sourceStrides,
            targetStrides, origins,
        ]
    }

    /// nil where the layouts do not allow it, or another copy is as good.
    init?(from source: StridedView, to target: StridedView, _ kernels: KernelTarget) {
        let (extents, strides) = Strides.merged(source.extents, [source.strides, target.strides])
        let block = Self.block
        guard source.elementSize <= 4, !IndexSpace.needsWideIndices(extents, strides),
            let inner = extents.indices.first(where: { strides[1][$0] == 1 && strides[0][$0] != 1 }),
            let outer = extents.indices.first(where: { strides[0][$0] == 1 && strides[1][$0] != 1 }),
            extents[inner] % block == 0, extents[outer] % block == 0, extents[inner] >= 16, extents[outer] >= 16,
            kernels.maximumWorkgroupInvocations >= Self.edge * Self.edge
        else { return nil }
        let origins = [source.bound.origin, target.bound.origin]
        for (index, contiguous) in [(0, outer), (1, inner)] {
            let others = extents.indices.filter { $0 != contiguous }
            guard origins[index] % block == 0, others.allSatisfy({ strides[index][$0] % block == 0 }) else {
                return nil
            }
        }
        let rest = extents.indices.filter { $0 != inner && $0 != outer }
        guard rest.reduce(1, { $0 * extents[$1] }) <= kernels.maximumWorkgroupCounts[2],
            [inner, outer].allSatisfy({ extents[$0] / block <= 32_768 * Self.edge })
        else { return nil }
        elementSize = source.elementSize
        sourceRun = (extents[outer] / block, strides[1][outer])
        targetRun = (extents[inner] / block, strides[0][inner])
        self.extents = rest.map { extents[$0] }
        sourceStrides = rest.map { strides[0][$0] }
        targetStrides = rest.map { strides[1][$0] }
        self.origins = origins
    }

    var grid: Grid {
        func groups(_ blocks: Int) -> Int { (blocks + Self.edge - 1) / Self.edge }
        return Grid(groups(sourceRun.blocks), groups(targetRun.blocks), extents.reduce(1, *))
    }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let (edge, block) = (UInt32(Self.edge), Self.block)
        let k = KernelBuilder("transpose", workgroup: [edge, edge])
        let scalar: ScalarType = elementSize == 4 ? .uint32 : elementSize == 2 ? .uint16 : .uint8
        let element = KernelType(scalar, block)
        let source = k.buffer("source", element, .read)
        let result = k.buffer("target", element, .write)
        let along = k.globalID(.x)
        let across = k.globalID(.y)
        let isInside = (along .< along.like(sourceRun.blocks)) & (across .< across.like(targetRun.blocks))
        k.if(isInside) {
            // Places count vectors.
            var from = along.like(origins[0] / block) + along
            var to = along.like(origins[1] / block) + across
            var rest = k.builtin(.workgroupID(.z))
            for d in extents.indices.reversed() {
                let quotient = d == 0 ? rest.like(0) : rest / rest.like(extents[d])
                let coordinate = d == 0 ? rest : rest - quotient * rest.like(extents[d])
                from = from + IndexSpace.scaled(coordinate, sourceStrides[d] / block)
                to = to + IndexSpace.scaled(coordinate, targetStrides[d] / block)
                rest = quotient
            }
            from = from + IndexSpace.scaled(across, targetRun.step)
            to = to + IndexSpace.scaled(along, sourceRun.step)
            let rows = (0..<block).map { row in source[from + IndexSpace.scaled(from.like(row), targetRun.step / block)]
            }
            for column in 0..<block {
                result[to + IndexSpace.scaled(to.like(column), sourceRun.step / block)] = k.vector(
                    rows.map { $0[column] })
            }
        }
        return try k.finish()
    }
}
