// Heterodyne: elements as unsigned integers of the same order.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Elements as unsigned integers of the same order: NaN above every number and equal to NaN, -0 equal to +0. For a
/// descending order the complement is taken, which keeps equal elements equal.
struct SortKey: Hashable, Sendable {
    let type: ScalarType
    let isDescending: Bool

    /// The type of keys, in registers and in memory.
    var key: ScalarType { ScalarCode.register(type).bits == 64 ? .uint64 : .uint32 }

    /// The key of an element in a register.
    func callAsFunction(_ value: KernelValue) -> KernelValue {
        let key = ascending(value)
        return isDescending ? ~key : key
    }

    private func ascending(_ value: KernelValue) -> KernelValue {
        let k = value.builder
        if value.type.scalar == .bool { return k.select(value, k.constant(1, .u32), k.constant(0, .u32)) }
        let unsigned: KernelType = value.type.bits == 64 ? .u64 : .u32
        let bits = value.type == unsigned ? value : value.bitcast(to: unsigned)
        if value.type == unsigned { return bits }
        let sign = k.constant(bits: 1 << UInt64(unsigned.bits - 1), unsigned)
        guard value.type.isFloat else { return bits ^ sign }
        // In integers, since devices may flush what is subnormal.
        let size = bits & ~sign
        let infinity = k.constant(bits: unsigned.bits == 64 ? 0x7ff0_0000_0000_0000 : 0x7f80_0000, unsigned)
        let ordered = k.select((bits & sign) .!= 0, ~bits, bits | sign)
        let number = k.select(size .== 0, sign, ordered)
        return k.select(size .> infinity, ~sign.like(0), number)
    }
}
