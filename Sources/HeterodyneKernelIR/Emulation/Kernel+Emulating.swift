// Heterodyne: kernels without 64-bit numbers from kernels with them.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// What emulation may count on.
public struct EmulationOptions: Hashable, Sendable {
    /// Whether multiply-add rounds once, so that it tells the error of a product. The kernel is then to be emitted, or
    /// interpreted, with `SPIRVOptions.MultiplyAdd.fused`.
    public var fuses: Bool
    /// Whether the device has 64-bit integers. Where they are emulated all the same, places in memory beyond 2^32
    /// elements are still told by them.
    public var hasInt64: Bool

    /// Nothing is counted on unless told.
    public init(fuses: Bool = false, hasInt64: Bool = false) {
        self.fuses = fuses
        self.hasInt64 = hasInt64
    }
}

extension Kernel {
    /// The types that `emulating` takes.
    public static let emulatedTypes: Set<ScalarType> = [.float64, .int64, .uint64]

    /// Added to the number of a 64-bit specialization constant that is emulated, it names the high word; the number itself
    /// names the low word.
    public static let highWordID: UInt32 = 1 << 31

    /// The kernel without values of some 64-bit types, which is what devices without these types run.
    ///
    /// A float64 becomes a pair of f32, high and low, with about 48 significant bits and the range of float32
    /// (`DoubleSingle`); a 64-bit integer two u32 with exact results (`WideWord`). int64 and uint64 go together.
    ///
    /// - Memory keeps its bytes: buffers of 64-bit elements become buffers of u32x2 or u32x4 in the same slot. Loads
    ///   decode IEEE 754 binary64 and stores encode it; what is only moved, or looked at as bits, keeps every bit.
    /// - Push constants become u32x2 at the same offset. Specialization constants become two (`highWordID`).
    /// - Variables, workgroup arrays and tables become two each.
    /// - 64-bit atomics, reductions of subgroups and matrices have no emulated form and are errors
    ///   (`missingCapability`); kernels for devices without 64-bit types choose other ways.
    ///
    /// float64 may stay where only integers are emulated, and the other way round.
    public func emulating(
        _ types: Set<ScalarType>, _ options: EmulationOptions = EmulationOptions()
    ) throws(KernelError) -> Kernel {
        guard types.isSubset(of: Self.emulatedTypes) else {
            let names = types.subtracting(Self.emulatedTypes).map { "\(KernelType($0))" }.sorted()
            throw .invalidType("\(names.joined(separator: ", ")) cannot be emulated in kernels; f64, i64 and u64 can")
        }
        var all = types
        if !types.isDisjoint(with: [.int64, .uint64]) { all.formUnion([.int64, .uint64]) }
        try verify()
        guard uses(all) else { return self }
        return try Emulator(self, all, options).run().withoutDeadValues()
    }

    /// Whether anything in the kernel has one of the types.
    func uses(_ scalars: Set<ScalarType>) -> Bool {
        func has(_ types: some Sequence<KernelType>) -> Bool { types.contains { scalars.contains($0.scalar) } }
        return has(types) || has(variables) || has(buffers.map(\.element)) || has(pushConstants.map(\.type))
            || has(specializations.map(\.type)) || has(workgroupArrays.map(\.element)) || has(tables.map(\.element))
            || has(matrices.map(\.element))
    }
}
