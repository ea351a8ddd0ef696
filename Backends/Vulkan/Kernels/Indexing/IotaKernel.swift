// Heterodyne: 0, 1, 2, ... in any type.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// `result[i] = i`, rounded or wrapped to the type.
///
/// Slots: result. Push constants: count, origin.
struct IotaKernel: KernelRecipe {
    var type: ScalarType
    var isWide: Bool

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let builder = KernelBuilder("iota", workgroup: [UInt32(width)])
        let scalars = ScalarCode(builder, target)
        let result = builder.buffer("result", ScalarCode.memory(type), .write)
        let position: KernelType = isWide ? .u64 : .u32
        let count = builder.pushConstant("count", position)
        let origin = builder.pushConstant("origin", position)
        let index = builder.linearInvocation(width: width, position)
        builder.if(index .< count) {
            let value = scalars.convert(index, from: position.scalar, to: type)
            result[origin + index] = scalars.encode(value, type)
        }
        return try builder.finish()
    }

    /// The launch for a dense line, whose elements are taken as `type`.
    static func launch(
        _ line: StridedView, _ type: ScalarType, _ target: KernelTarget
    ) throws(BackendError) -> KernelLaunch {
        let width = try IndexWidth([(line.extents, [line.strides])], target, "iota \(type)\(line.extents)")
        return KernelLaunch(
            recipe: IotaKernel(type: type, isWide: width.isWide), accesses: [.write(line)],
            constants: [width.push(line.count), width.push(line.bound.origin)],
            grid: .linear(invocations: line.count, width: target.linearWorkgroup), work: Double(line.count) * 8,
            description: "iota \(type)\(line.extents)")
    }

    /// The bytes of the first `count` numbers, as they lie in memory inside programs.
    static func bytes(_ count: Int, _ type: ScalarType) -> [UInt8] {
        var bytes: [UInt8] = []
        for i in 0..<count {
            var bits: UInt64
            if type.isFloatingPoint {
                bits = type.bits(of: Double(i))
            } else {
                bits = UInt64(i)
                // 4-bit integers are bytes that hold their value.
                if type.bitWidth == 4 {
                    let low = UInt8(truncatingIfNeeded: bits) << 4
                    bits = type == .int4 ? UInt64(UInt8(bitPattern: Int8(bitPattern: low) >> 4)) : UInt64(low >> 4)
                }
            }
            for byte in 0..<max(1, type.bitWidth / 8) {
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte)))
            }
        }
        return bytes
    }
}
