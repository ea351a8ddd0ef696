// Heterodyne: Vulkan's structures that are linked by pNext.
// SPDX-License-Identifier: Apache-2.0

import CVulkan

/// Structures linked by `pNext`, in memory of their own that lives as long as the chain.
final class StructureChain {
    private var storage: [UnsafeMutableRawPointer] = []

    /// The first structure.
    var head: UnsafeMutableRawPointer? { storage.first }

    /// Appends a structure, which must start with `sType` and `pNext`, and links it to the one before.
    @discardableResult
    func append<T: BitwiseCopyable>(_ value: T) -> UnsafeMutablePointer<T> {
        let pointer = UnsafeMutablePointer<T>.allocate(capacity: 1)
        pointer.initialize(to: value)
        let raw = UnsafeMutableRawPointer(pointer)
        raw.assumingMemoryBound(to: VkBaseOutStructure.self).pointee.pNext = nil
        if let last = storage.last {
            last.assumingMemoryBound(to: VkBaseOutStructure.self).pointee.pNext =
                raw.assumingMemoryBound(to: VkBaseOutStructure.self)
        }
        storage.append(raw)
        return pointer
    }

    deinit { for pointer in storage { pointer.deallocate() } }
}

/// The text in an array of characters that C declares.
func text<T>(_ characters: T) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}

/// What a function gives that reports how many there are, then fills an array. Another try where the number grew.
func enumerated<T>(
    _ zero: T, _ call: (UnsafeMutablePointer<UInt32>, UnsafeMutablePointer<T>?) -> VkResult
) -> Result<[T], VulkanFailure> {
    for _ in 0..<8 {
        var count: UInt32 = 0
        var result = call(&count, nil)
        guard result == VK_SUCCESS else { return .failure(VulkanFailure(result: result)) }
        if count == 0 { return .success([]) }
        var list = [T](repeating: zero, count: Int(count))
        result = list.withUnsafeMutableBufferPointer { call(&count, $0.baseAddress) }
        if result == VK_INCOMPLETE { continue }
        guard result == VK_SUCCESS else { return .failure(VulkanFailure(result: result)) }
        return .success(Array(list.prefix(Int(count))))
    }
    return .failure(VulkanFailure(result: VK_INCOMPLETE))
}

/// A call that failed.
struct VulkanFailure: Error {
    var result: VkResult
}
