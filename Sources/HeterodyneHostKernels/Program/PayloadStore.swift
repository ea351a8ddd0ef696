// Heterodyne: memory that the steps of a program read: descriptions, prepared kernels, constants.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels

/// One step's code: called with its description and with the addresses of its operands and results, in this order.
/// Zero is success, everything else a status of the kernels.
typealias StepFunction =
    @convention(c) (UnsafeRawPointer, UnsafeMutablePointer<UnsafeMutableRawPointer?>, OpaquePointer?) -> Int32

/// Owns everything that steps point to. Written during compilation only, afterwards read by any number of threads.
final class PayloadStore: @unchecked Sendable {
    // Unchecked: mutated only while one thread compiles.

    private var allocations: [UnsafeMutableRawPointer] = []
    private var regions: [OpaquePointer] = []
    private var reductions: [OpaquePointer] = []
    private var owners: [AnyObject] = []
    /// Bytes of constants among the allocations.
    private(set) var constantByteCount = 0

    deinit {
        for region in regions { hk_region_destroy(region) }
        for reduction in reductions { hk_reduce_destroy(reduction) }
        for allocation in allocations { allocation.deallocate() }
    }

    /// Keeps `value` at a fixed address.
    func store<T: BitwiseCopyable>(_ value: T) -> UnsafeRawPointer {
        let memory = UnsafeMutablePointer<T>.allocate(capacity: 1)
        memory.initialize(to: value)
        allocations.append(UnsafeMutableRawPointer(memory))
        return UnsafeRawPointer(memory)
    }

    /// Keeps `values` at a fixed address.
    func array<T: BitwiseCopyable>(_ values: [T]) -> UnsafePointer<T> {
        let memory = UnsafeMutablePointer<T>.allocate(capacity: max(values.count, 1))
        memory.initialize(from: values, count: values.count)
        allocations.append(UnsafeMutableRawPointer(memory))
        return UnsafePointer(memory)
    }

    /// Extents or strides as the kernels take them.
    func integers(_ values: [Int]) -> UnsafePointer<Int64> { array(values.map(Int64.init)) }

    /// Memory for a constant, aligned for every kernel.
    func constant(byteCount: Int) -> UnsafeMutableRawPointer {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 16), alignment: 64)
        allocations.append(memory)
        constantByteCount += max(byteCount, 16)
        return memory
    }

    /// Keeps `owner` alive as long as the store.
    func keep(_ owner: AnyObject) { owners.append(owner) }

    /// Keeps a constant that programs share alive, and counts its bytes.
    func keep(constant: AnyObject, byteCount: Int) {
        owners.append(constant)
        constantByteCount += byteCount
    }

    /// Takes ownership of a prepared region.
    func own(region: OpaquePointer) { regions.append(region) }

    /// Takes ownership of a prepared reduction.
    func own(reduction: OpaquePointer) { reductions.append(reduction) }
}
