// Heterodyne: attention as the kernel takes it.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneGraph

/// Attention as the kernel takes it.
struct AttentionPlan {
    static let name = "attention"

    var flags: UInt32
    var scale: Double

    /// The plan for `composite` on operands of the given types, or nil where it has to be decomposed.
    init?(_ composite: any Composite, _ operands: [TensorType]) {
        guard composite.name == Self.name, operands.count == 3 || operands.count == 4,
            operands[..<3].allSatisfy({ $0.rank == 4 }), let q = operands[0].shape.fixedExtents,
            let k = operands[1].shape.fixedExtents, let v = operands[2].shape.fixedExtents
        else { return nil }
        let type = operands[0].scalarType
        guard type == .float32 || type == .float16 || type == .bfloat16 else { return nil }
        guard (q + k + v).allSatisfy({ $0 > 0 }), q[3] <= 512, v[3] <= 512 else { return nil }
        if operands.count == 4 {
            let mask = operands[3].scalarType
            guard mask == .bool || mask == .float32 || mask == .float16 || mask == .bfloat16 else { return nil }
        }
        var reader = AttributeReader(composite.attributes, operation: Self.name)
        do {
            flags = UInt32(HK_ATTENTION_ZERO_MASKED)
            switch try reader.string("causality") {
            case "none": break
            case "topLeft": flags |= UInt32(HK_ATTENTION_CAUSAL_TOP)
            case "bottomRight": flags |= UInt32(HK_ATTENTION_CAUSAL)
            default: return nil
            }
            scale = try reader.optionalNumber("scale") ?? 1 / Double(q[3]).squareRoot()
            guard try reader.optionalNumber("softcap") == nil else { return nil }
            try reader.finish()
        } catch { return nil }
    }
}
