// Heterodyne: runs kernels on the CPU, exactly as the kernel language defines them.
// SPDX-License-Identifier: Apache-2.0

/// Runs kernels for tests and debugging.
///
/// The invocations of a workgroup advance together, statement by statement; workgroups run one after another. What the
/// language leaves undefined is an error here: an index out of range, division by zero, a conversion out of range, a
/// read of workgroup memory that nobody wrote, and two invocations that touch one element of workgroup memory without
/// a barrier between them.
public struct KernelInterpreter: Sendable {
    /// What a b + c is.
    public var multiplyAdd: SPIRVOptions.MultiplyAdd
    /// Invocations in a subgroup.
    public var subgroupSize: Int
    /// What the device makes of the freedom that Vulkan leaves it.
    public var floats: FloatBehaviour
    /// How many operations of single invocations a run may take.
    public var budget: Int

    /// Fused, subgroups of 8, IEEE 754, and 2^31 operations unless told otherwise.
    public init(
        multiplyAdd: SPIRVOptions.MultiplyAdd = .fused, subgroupSize: Int = 8, floats: FloatBehaviour = .exact,
        budget: Int = 1 << 31
    ) {
        self.multiplyAdd = multiplyAdd
        self.floats = floats
        self.subgroupSize = subgroupSize
        self.budget = budget
    }

    /// Runs `groups` (x, y, z) workgroups.
    ///
    /// - Parameters:
    ///   - buffers: the bytes of each slot, little-endian.
    ///   - pushConstants: the bits of each push constant.
    ///   - specializations: the bits of specialization constants, by id, that differ from the default.
    public func run(
        _ kernel: Kernel, groups: [Int], buffers: inout [Int: [UInt8]], pushConstants: [UInt64] = [],
        specializations: [UInt32: UInt64] = [:]
    ) throws(KernelError) {
        try kernel.verify()
        guard pushConstants.count == kernel.pushConstants.count else {
            throw .evaluation("\(pushConstants.count) push constants for \(kernel.pushConstants.count)")
        }
        for buffer in kernel.buffers where buffers[buffer.slot] == nil {
            throw .evaluation("no bytes for buffer \(buffer.name) in slot \(buffer.slot)")
        }
        guard subgroupSize > 0, groups.count <= 3, groups.allSatisfy({ (0...65535).contains($0) }) else {
            throw .evaluation("a grid of \(groups) workgroups with subgroups of \(subgroupSize)")
        }
        var constants: [UInt64] = []
        for constant in kernel.specializations { constants.append(specializations[constant.id] ?? constant.value) }
        var size: [Int] = []
        for edge in kernel.workgroup {
            switch edge {
            case .fixed(let count): size.append(Int(count))
            case .specialization(let index): size.append(Int(truncatingIfNeeded: constants[index]))
            }
        }
        guard size.allSatisfy({ (1...4096).contains($0) }), size.reduce(1, *) <= 4096 else {
            throw .evaluation("a workgroup of \(size): 4096 invocations are possible")
        }
        let count = groups + [Int](repeating: 1, count: 3 - groups.count)
        let machine = WorkgroupMachine(
            kernel: kernel, interpreter: self, size: size, count: count, buffers: buffers,
            pushConstants: pushConstants, specializations: constants)
        defer { buffers = machine.buffers }
        for z in 0..<count[2] {
            for y in 0..<count[1] {
                for x in 0..<count[0] { try machine.run([x, y, z]) }
            }
        }
    }
}
