// Heterodyne: targets whose kernels emulate 64-bit types.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

extension KernelTarget {
    /// The types that kernels can emulate on the device: 64-bit integers always, float64 where the self-test has shown that
    /// the device keeps what pairs rest on.
    var emulatable: Set<ScalarType> {
        arithmetic.keepsErrorTerms ? Kernel.emulatedTypes : [.int64, .uint64]
    }

    /// What the self-test says of emulation, for people.
    var emulationNote: String {
        arithmetic.keepsErrorTerms
            ? "float64 as pairs of float32; int64 and uint64 as two 32-bit words"
            : "int64 and uint64 as two 32-bit words; not float64, since the self-test found that the driver does not keep "
                + "error-free sums and products of float32"
    }

    /// The target of kernels that emulate `types`, whether or not the device has them.
    ///
    /// Emulated float64 needs 64-bit integers for its bits: the device's, or emulated ones. Where only integers are
    /// emulated and the device has them nevertheless, indices beyond 32 bits stay possible.
    func emulating(_ types: Set<ScalarType>) -> KernelTarget {
        let wanted = types.intersection(Kernel.emulatedTypes)
        guard !wanted.isEmpty else { return self }
        var target = self
        target.emulated = wanted
        if !features.contains(.int64) || !wanted.isDisjoint(with: [.int64, .uint64]) {
            target.emulated.formUnion([.int64, .uint64])
            target.features.remove(.int64Atomics)
        }
        if wanted.contains(.float64) {
            target.features.subtract([.float64, .float64AtomicAdd])
            target.matrixShapes.removeAll { $0.operand == .float64 || $0.accumulator == .float64 }
            // What is demanded of 64-bit floats is a feature of them.
            target.spirv.floatControls.roundToNearestEven.remove(64)
            target.spirv.floatControls.preserveDenormals.remove(64)
            target.spirv.floatControls.preserveSpecials.remove(64)
        }
        return target
    }

    /// The kernel of a recipe as the device runs it.
    func kernel(of recipe: some KernelRecipe) throws(KernelError) -> Kernel {
        let kernel = try recipe.build(for: self)
        guard !emulated.isEmpty else { return kernel }
        return try kernel.emulating(
            emulated,
            EmulationOptions(
                fuses: arithmetic.fuses && spirv.multiplyAdd == .fused, hasInt64: features.contains(.int64)))
    }

    /// Whether a value is a float64 that is going to be emulated.
    func emulates(_ value: KernelValue) -> Bool { emulated.contains(.float64) && value.type.scalar == .float64 }
}
