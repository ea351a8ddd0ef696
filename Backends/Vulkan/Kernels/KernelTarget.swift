// Heterodyne: what kernel builders need to know of a device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// What kernel builders need to know of a device. Equal targets get equal kernels.
struct KernelTarget: Hashable, Sendable {
    /// Where the device keeps what many invocations read again and again.
    enum TileMemory: Hashable, Sendable {
        /// In the registers of each invocation: software devices, whose workgroup memory is ordinary memory and whose
        /// barriers switch stacks.
        case registers
        /// In workgroup memory, with register blocks on top: GPUs.
        case workgroup
    }

    /// What may occur in kernels beyond 32-bit integers and float32.
    struct Features: OptionSet, Hashable, Sendable {
        let rawValue: UInt32

        static let float64 = Features(rawValue: 1 << 0)
        static let float16 = Features(rawValue: 1 << 1)
        static let int64 = Features(rawValue: 1 << 2)
        static let int16 = Features(rawValue: 1 << 3)
        static let int8 = Features(rawValue: 1 << 4)
        /// 16-bit elements in storage buffers.
        static let storage16 = Features(rawValue: 1 << 5)
        /// 8-bit elements in storage buffers.
        static let storage8 = Features(rawValue: 1 << 6)
        static let int64Atomics = Features(rawValue: 1 << 7)
        static let float32AtomicAdd = Features(rawValue: 1 << 8)
        static let float64AtomicAdd = Features(rawValue: 1 << 9)
        static let bufferAddresses = Features(rawValue: 1 << 10)
        static let subgroupArithmetic = Features(rawValue: 1 << 11)
        static let subgroupShuffle = Features(rawValue: 1 << 12)
        /// Subgroups are full where the workgroup is a multiple of `subgroupSize`, and have just that size.
        static let fullSubgroups = Features(rawValue: 1 << 13)
        static let cooperativeMatrix = Features(rawValue: 1 << 14)
    }

    /// One shape of D = A B + C that the device's matrix engine computes, for a subgroup.
    struct MatrixShape: Hashable, Sendable {
        var m: Int
        var n: Int
        var k: Int
        var operand: ScalarType
        var accumulator: ScalarType
    }

    /// What the device's own instructions give, as its self-test measured it.
    struct Arithmetic: Hashable, Sendable {
        /// float32 division is correctly rounded; otherwise kernels divide by `MathLibrary.divide`.
        var dividesExactly: Bool
        /// float32 square root is correctly rounded; otherwise kernels use `MathLibrary.squareRoot`.
        var rootsExactly: Bool
        /// Likewise in float64.
        var dividesExactly64: Bool
        var rootsExactly64: Bool
        /// Multiply-add is one operation with one rounding.
        var fuses: Bool
        /// Conversion of float32 to float16 rounds to nearest, ties to even, and keeps subnormal results.
        var narrowsToHalfExactly: Bool
        /// Subnormal float32 operands and results survive.
        var keepsDenormals: Bool
        /// NaN and infinities come out of sums, products, extrema and comparisons as IEEE 754 says.
        var keepsSpecials = false
        /// The errors of float32 sums and products come out as they are, also where they are computed on: nothing is
        /// contracted, reordered or simplified where the module forbids it. Pairs of float32 can stand for float64.
        var keepsErrorTerms = false

        /// Nothing is trusted.
        static let untrusted = Arithmetic(
            dividesExactly: false, rootsExactly: false, dividesExactly64: false, rootsExactly64: false, fuses: false,
            narrowsToHalfExactly: false, keepsDenormals: false)
    }

    /// Iterations of loops that an invocation may run in all. Mesa's software driver ends loops after 65,535 of them,
    /// without a word; other drivers have watchdogs.
    static let iterationLimit = 32_768

    /// Invocations of a subgroup.
    var subgroupSize: Int
    var tileMemory: TileMemory
    var features: Features
    var arithmetic: Arithmetic
    var maximumWorkgroupInvocations: Int
    /// The most invocations of a workgroup along x, y, z.
    var maximumWorkgroupExtents: [Int]
    /// The most workgroups along x, y, z.
    var maximumWorkgroupCounts: [Int]
    var workgroupMemoryByteCount: Int
    /// The most buffers of a kernel.
    var maximumBuffers: Int
    var maximumPushConstantByteCount: Int
    /// The largest range of a buffer that a descriptor shows; beyond it kernels use addresses.
    var maximumStorageBufferRange: Int
    /// The power of two that the start of such a range is a multiple of.
    var bufferOffsetAlignment: Int
    var matrixShapes: [MatrixShape]
    /// How SPIR-V is emitted; `memory` is chosen for each launch.
    var spirv: SPIRVOptions
    /// 64-bit types whose values kernels hold in two registers of 32 bits. Kernels are written as if the device had them and
    /// then rewritten (`Kernel.emulating`), so that what is said here is what their builders have to know: which of
    /// the device's own operations there are not, and which algorithms count on 53 bits.
    var emulated: Set<ScalarType> = []

    /// Whether tensors of `type` can lie in buffers.
    func stores(_ type: ScalarType) -> Bool {
        switch type.bitWidth {
        case 64: emulated.contains(type) || features.contains(type == .float64 ? .float64 : .int64)
        case 16: features.contains(.storage16)
        case 8, 4, 1: features.contains(.storage8)
        default: true
        }
    }

    /// The workgroup of kernels without workgroup memory: a few subgroups in a row.
    var linearWorkgroup: Int {
        let wanted = max(64, subgroupSize)
        return max(1, min(wanted, maximumWorkgroupInvocations, maximumWorkgroupExtents[0]))
    }
}
