// Heterodyne: the kernel that copies elements between any two layouts.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// Copies elements between two views of equal extents, as bits of their size.
///
/// Slots: source, target. Push constant: how many invocations there are.
struct CopyRecipe: KernelRecipe {
    /// 1, 2, 4 or 8.
    let elementSize: Int
    let space: IndexSpace
    let origins: [Int]
    /// Neighbours along the innermost dimension that an invocation moves as one vector.
    let width: Int
    let workgroup: Int

    init(from source: StridedView, to target: StridedView, _ kernels: KernelTarget) {
        elementSize = source.elementSize
        let views = [source, target]
        let space = IndexSpace(extents: source.extents, strides: views.map(\.strides))
        self.space = space
        let origins = views.map(\.bound.origin)
        self.origins = origins
        workgroup = kernels.linearWorkgroup
        let widest = elementSize == 8 ? 2 : 4
        let inner = Strides.merged(source.extents, views.map(\.strides)).extents.last ?? 1
        let fits = views.indices.allSatisfy { index in
            space.strides[index].last == 1 && origins[index] % widest == 0
                && space.strides[index].dropLast().allSatisfy { $0 % widest == 0 }
        }
        width = fits && inner % widest == 0 ? widest : 1
    }

    /// Invocations for a space of so many points.
    func invocations(points: Int) -> Int { (points + width - 1) / width }

    /// The type of a run of `width` elements.
    private var element: KernelType {
        switch elementSize {
        case 1: KernelType(.uint8, width)
        case 2: KernelType(.uint16, width)
        case 4: KernelType(.uint32, width)
        default: KernelType(.uint32, 2 * width)
        }
    }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("copy", workgroup: [UInt32(workgroup)])
        let source = k.buffer("source", element, .read)
        let result = k.buffer("target", element, .write)
        let count = k.pushConstant("count", space.indexType)
        let invocation = k.linearInvocation(width: workgroup, space.indexType)
        k.if(invocation .< count) {
            let coordinates = space.coordinates(of: invocation, innermostDividedBy: width)
            result[place(1, coordinates, invocation)] = source[place(0, coordinates, invocation)]
        }
        return try k.finish()
    }

    private func place(_ index: Int, _ coordinates: [KernelValue], _ any: KernelValue) -> KernelValue {
        var sum = any.like(origins[index] / width)
        for (d, coordinate) in coordinates.enumerated() where space.strides[index][d] != 0 {
            let isInnermost = d == coordinates.count - 1
            let stride = space.strides[index][d]
            sum = sum + IndexSpace.scaled(coordinate, isInnermost ? stride : stride / width)
        }
        return sum
    }
}
