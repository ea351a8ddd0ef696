// Heterodyne: pooling as the kernel takes it.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// Pooling as the kernel takes it.
struct PoolingPlan {
    static let names: Set<String> = ["maxPool", "averagePool"]
    /// The most elements of a window. Larger ones, such as those of global pooling, are reductions, which share the
    /// work of a window between invocations.
    static let largestWindow = 256

    var kind: PoolingKernel.Kind
    var type: ScalarType
    var windows: SpatialWindows

    /// The plan for `composite` on operands of the given types, or nil where it has to be decomposed.
    init?(_ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget) {
        guard Self.names.contains(composite.name), operands.count == 1,
            let x = operands[0].shape.fixedExtents, x.count >= 3, x.allSatisfy({ $0 > 0 }), SpatialWindows.fits(x)
        else { return nil }
        type = operands[0].scalarType
        guard target.stores(type), ScalarCode.supports(type, target), type.isArithmetic else { return nil }
        var reader = AttributeReader(composite.attributes, operation: composite.name)
        let ceilMode: Bool
        do {
            let kernel = try reader.integers("kernel")
            guard let windows = try SpatialWindows(&reader, kernel: kernel), windows.rank == x.count - 2 else {
                return nil
            }
            self.windows = windows
            ceilMode = try reader.bool("ceilMode")
            if composite.name == "maxPool" {
                kind = try reader.bool("indices") ? .maximumWithIndices : .maximum
            } else {
                kind = .average(countsPadding: try reader.bool("countsPadding"))
                guard type.isFloatingPoint else { return nil }
            }
            try reader.finish()
        } catch { return nil }
        if kind == .maximumWithIndices, !target.features.contains(.int64) { return nil }
        let result = windows.resultExtents(Array(x[2...]), ceilMode: ceilMode)
        guard windows.tapCount <= Self.largestWindow, result.allSatisfy({ $0 > 0 }),
            SpatialWindows.fits(x[..<2] + result)
        else { return nil }
    }

    /// The launch into dense results.
    func launch(
        _ x: StridedView, _ result: StridedView, indices: StridedView?, _ target: KernelTarget
    ) throws(BackendError) -> KernelLaunch {
        guard !IndexSpace.needsWideIndices(x.extents, [x.strides]) else {
            throw BackendError(.unsupported, "pooling of \(x.extents) is beyond 32-bit indices")
        }
        let views = [x, result] + (indices.map { [$0] } ?? [])
        let recipe = PoolingKernel(
            kind: kind, type: type, form: WindowForm(windows), origins: views.map(\.bound.origin))
        var numbers = [result.count, x.extents[1]]
        numbers += result.extents[2...] + x.extents[2...] + windows.low
        numbers += windows.high + x.strides
        return KernelLaunch(
            recipe: recipe, accesses: [.read(x)] + views.dropFirst().map(Access.write),
            constants: numbers.map { .u32(UInt32(truncatingIfNeeded: $0)) },
            grid: .linear(invocations: result.count, width: target.linearWorkgroup),
            work: Double(result.count) * Double(4 * windows.tapCount),
            description: "\(kind) pooling of \(x.extents) by \(windows.kernel)")
    }
}
