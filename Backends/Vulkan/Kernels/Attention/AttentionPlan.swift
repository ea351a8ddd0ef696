// Heterodyne: attention as the kernel takes it.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// Attention as the kernel takes it.
struct AttentionPlan {
    static let name = "attention"

    var type: ScalarType
    var scale: Double
    var softcap: Double?
    /// Query i sees the keys up to i + diagonal; nil where it sees all.
    var diagonal: Int?

    /// The plan for `composite` on operands of the given types, or nil where it has to be decomposed.
    init?(_ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget) {
        guard composite.name == Self.name, operands.count == 3 || operands.count == 4,
            operands.count < target.maximumBuffers, operands[..<3].allSatisfy({ $0.rank == 4 }),
            let q = operands[0].shape.fixedExtents, let k = operands[1].shape.fixedExtents,
            let v = operands[2].shape.fixedExtents
        else { return nil }
        type = operands[0].scalarType
        guard operands.allSatisfy({ target.stores($0.scalarType) }), (q + k + v).allSatisfy({ $0 > 0 }),
            k[1] > 0, q[1] % k[1] == 0
        else { return nil }
        let limit: Int
        switch type {
        case .float32, .float16, .bfloat16: limit = target.tileMemory == .registers ? 256 : 128
        case .float64: limit = ScalarCode.supports(type, target) ? 64 : 0
        default: return nil
        }
        // A workgroup's invocations are rows; with few rows products of matrices keep a GPU busier.
        guard target.tileMemory == .registers || q[2] >= 8 || k[2] <= 64 else { return nil }
        // An invocation goes through all keys.
        guard k[2] <= KernelTarget.iterationLimit else { return nil }
        guard q[3] <= limit, v[3] <= limit, Self.fits(q), Self.fits(k), Self.fits(v) else { return nil }
        if operands.count == 4 {
            let mask = operands[3]
            guard [.bool, .float32, .float16, .bfloat16, .float64].contains(mask.scalarType),
                mask.scalarType != .float64 || type == .float64, mask.rank <= 4,
                let extents = mask.shape.fixedExtents, Self.fits(extents)
            else { return nil }
        }
        var reader = AttributeReader(composite.attributes, operation: Self.name)
        do {
            switch try reader.string("causality") {
            case "none": diagonal = nil
            case "topLeft": diagonal = 0
            case "bottomRight": diagonal = k[2] - q[2]
            default: return nil
            }
            scale = try reader.optionalNumber("scale") ?? 1 / Double(q[3]).squareRoot()
            softcap = try reader.optionalNumber("softcap")
            try reader.finish()
        } catch { return nil }
    }

    /// Whether 32-bit positions reach all elements.
    private static func fits(_ extents: [Int]) -> Bool {
        var count = 1
        for extent in extents {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            if overflow || product > Int(Int32.max) { return false }
            count = product
        }
        return true
    }

    /// How a kernel for the target splits the work.
    struct Shape: Hashable, Sendable {
        var rows: Int
        var keyBlock: Int
        var tile: Int

        init(rows: Int, keyBlock: Int, tile: Int) {
            self.rows = rows
            self.keyBlock = keyBlock
            self.tile = tile
        }

        /// The shape that suits the target for so many queries, and keys and values of these depths.
        init(_ target: KernelTarget, queries: Int, depth: Int, valueDepth: Int, _ type: ScalarType) {
            let wide = type == .float64 ? 2 : 1
            let registers = (depth + valueDepth) * wide
            switch target.tileMemory {
            case .registers:
                // Rows share loads of keys and values. More of either is no faster, and longer to compile.
                let most = registers <= 64 ? 4 : registers <= 128 ? 2 : 1
                rows = queries >= 4 ? most : queries >= 2 ? min(most, 2) : 1
                keyBlock = 1
                tile = 0
            case .workgroup:
                rows = 1
                keyBlock = 4
                let keys = target.workgroupMemoryByteCount / 2 / (registers * 4)
                tile = max(4, min(32, keys / 4 * 4))
            }
        }
    }

    /// The launch on views whose last stride is 1 (or whose depth is); `mask` has the extents of the scores.
    func launch(
        _ q: StridedView, _ k: StridedView, _ v: StridedView, mask: StridedView?, _ result: StridedView,
        shape: Shape? = nil, _ target: KernelTarget
    ) throws(BackendError) -> KernelLaunch {
        let (depth, valueDepth) = (q.extents[3], v.extents[3])
        let shape = shape ?? Shape(target, queries: q.extents[2], depth: depth, valueDepth: valueDepth, type)
        let views = [q, k, v] + (mask.map { [$0] } ?? []) + [result]
        guard !views.contains(where: { IndexSpace.needsWideIndices($0.extents, [$0.strides]) }) else {
            throw BackendError(.unsupported, "attention over \(k.extents) keys is beyond 32-bit indices")
        }
        let origins = views.map(\.bound.origin)
        let rows = [q, k, v, result]
        let isVectorized =
            depth % 4 == 0 && valueDepth % 4 == 0
            && rows.allSatisfy { $0.bound.origin % 4 == 0 && $0.strides[..<3].allSatisfy { $0 % 4 == 0 } }
        let kind: AttentionKernel.Mask =
            mask.map { $0.type == .bool ? .visibility : .bias($0.type) } ?? .none
        let recipe = AttentionKernel(
            type: type, depth: depth, valueDepth: valueDepth, rows: shape.rows, keyBlock: shape.keyBlock,
            tile: shape.tile, mask: kind, maskKeyStride: mask?.strides[3] ?? 0, isCausal: diagonal != nil,
            scale: scale, softcap: softcap, origins: origins, isVectorized: isVectorized)
        let (batch, heads, queries) = (q.extents[0], q.extents[1], q.extents[2])
        let width = target.linearWorkgroup
        let perTile = shape.rows * (shape.tile > 0 ? width : 1)
        let tiles = (queries - 1) / perTile + 1
        let count = tiles * batch * heads
        guard count < Int(Int32.max) else {
            throw BackendError(.unsupported, "attention of \(q.extents) needs more than 2^31 invocations")
        }
        var numbers = [
            count, tiles, queries, k.extents[2], heads, heads / k.extents[1], diagonal ?? 0,
        ]
        for view in [q, k, v] { numbers += view.strides[..<3] }
        numbers += mask.map { Array($0.strides[..<3]) } ?? [0, 0, 0]
        numbers += result.strides[..<3]
        let products = Double(batch * heads) * Double(queries) * Double(k.extents[2])
        return KernelLaunch(
            recipe: recipe, accesses: views.dropLast().map(Access.read) + [.write(result)],
            constants: numbers.map { .u32(UInt32(truncatingIfNeeded: $0)) },
            grid: shape.tile > 0 ? .linear(workgroups: count) : .linear(invocations: count, width: width),
            work: products * Double(2 * (depth + valueDepth) + 30),
            description: "attention \(q.extents) over \(k.extents[2]) keys")
    }
}
