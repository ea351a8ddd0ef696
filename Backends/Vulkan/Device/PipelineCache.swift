// Heterodyne: the driver's compiled pipelines, kept on disk.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend
import Synchronization

/// The driver's cache of compiled pipelines, read from disk when the device is opened and written when pipelines were
/// added. Whatever is wrong with the file, or with writing it, costs time only.
final class PipelineCache: @unchecked Sendable {
    // Unchecked: Vulkan guards the cache by itself as long as it is only read and added to.

    /// nil where the driver makes none; pipelines are then made without.
    let handle: VkPipelineCache?
    private let device: LogicalDevice
    private let file: CacheFile?
    /// The size of what the file holds.
    private let savedByteCount: Mutex<Int>

    init(_ device: LogicalDevice, folder: String?) {
        self.device = device
        let fingerprint = device.physical.fingerprint
        let identity = Checksum.of(fingerprint)
        file = folder.map { CacheFile(folder: $0, name: hexadecimal(identity) + ".pipelines", identity: identity) }
        let content = file?.read().flatMap { Self.fits($0, device.physical) ? $0 : nil } ?? []
        handle = Self.make(device, content) ?? (content.isEmpty ? nil : Self.make(device, []))
        savedByteCount = Mutex(content.count)
        if handle != nil { device.created() }
    }

    deinit {
        guard let handle else { return }
        device.destroy { device.vk.vkDestroyPipelineCache(device.handle, handle, nil) }
        device.destroyed()
    }

    private static func make(_ device: LogicalDevice, _ content: [UInt8]) -> VkPipelineCache? {
        var cache: VkPipelineCache?
        let result = content.withUnsafeBytes { content in
            var info = VkPipelineCacheCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO
            info.initialDataSize = content.count
            info.pInitialData = content.baseAddress
            return device.vk.vkCreatePipelineCache(device.handle, &info, nil, &cache)
        }
        return result == VK_SUCCESS ? cache : nil
    }

    /// Whether content was made by the same driver for the same device, as its standard header says: drivers should
    /// look at this themselves.
    private static func fits(_ content: [UInt8], _ physical: PhysicalDevice) -> Bool {
        content.withUnsafeBytes { bytes in
            guard bytes.count >= 32 else { return false }
            func word(_ offset: Int) -> UInt32 {
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            }
            guard word(0) >= 32, Int(word(0)) <= bytes.count, word(4) == 1, word(8) == physical.properties.vendorID,
                word(12) == physical.properties.deviceID
            else { return false }
            return withUnsafeBytes(of: physical.properties.pipelineCacheUUID) { $0.elementsEqual(bytes[16..<32]) }
        }
    }

    private func data(_ cache: VkPipelineCache) -> [UInt8]? {
        var count = 0
        guard device.vk.vkGetPipelineCacheData(device.handle, cache, &count, nil) == VK_SUCCESS else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        let result = bytes.withUnsafeMutableBytes {
            device.vk.vkGetPipelineCacheData(device.handle, cache, &count, $0.baseAddress)
        }
        // What another thread adds meanwhile is cut off; it comes with the next save.
        guard result == VK_SUCCESS || result == VK_INCOMPLETE, count <= bytes.count else { return nil }
        return Array(bytes.prefix(count))
    }

    /// Pipelines were made: writes what is new, together with what other processes wrote.
    func changed() {
        guard let handle, let file else { return }
        var count = 0
        guard device.vk.vkGetPipelineCacheData(device.handle, handle, &count, nil) == VK_SUCCESS else { return }
        savedByteCount.withLock { saved in
            // A cache only grows.
            guard count > saved else { return }
            file.exclusively {
                let content = file.read().flatMap { Self.fits($0, device.physical) ? $0 : nil } ?? []
                guard let merged = Self.make(device, content) ?? Self.make(device, []) else { return }
                defer { device.vk.vkDestroyPipelineCache(device.handle, merged, nil) }
                var source: VkPipelineCache? = handle
                guard device.vk.vkMergePipelineCaches(device.handle, merged, 1, &source) == VK_SUCCESS,
                    let bytes = data(merged)
                else { return }
                file.write(bytes)
            }
            // Not tried again before there is more, even where the file could not be written.
            saved = count
        }
    }
}
