// Heterodyne: devices that tests open for themselves.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneKernelIR

@testable import HeterodyneVulkan

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Devices that tests open for themselves, and folders.
enum TestDevices {
    /// Options that touch nothing of the user's.
    static func options(_ change: (inout VulkanOptions) -> Void = { _ in }) -> VulkanOptions {
        var options = VulkanOptions()
        change(&options)
        return options
    }

    /// The first device, opened anew.
    static func open(_ options: VulkanOptions) throws -> VulkanDevice {
        try DeviceRegistry(options).device("vulkan:0")
    }

    /// Calls `body` with a new, empty folder, which is removed afterwards.
    static func withFolder<R>(_ body: (String) throws -> R) throws -> R {
        var template = Array(("/tmp/heterodyne-test-" + String(repeating: "X", count: 6)).utf8CString)
        let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } }
        guard made != nil else { throw BackendError(.executionFailed, "no temporary folder") }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { remove(path) }
        return try body(path)
    }

    /// The names of the files in a folder, sorted.
    static func files(_ folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The bytes of a file, nil where it cannot be read.
    static func bytes(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&part, 1, part.count, file)
            if count == 0 { return bytes }
            bytes += part.prefix(count)
        }
    }

    /// Replaces the content of a file.
    static func write(_ bytes: [UInt8], _ path: String) {
        guard let file = fopen(path, "w") else { return }
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }

    private static func remove(_ folder: String) {
        for name in files(folder) {
            let path = folder + "/" + name
            if unlink(path) != 0 { remove(path) }
        }
        rmdir(folder)
    }

    /// y = a x + y on a device: uploads, runs, downloads, compares. Gives whether the numbers are right.
    static func works(_ device: VulkanDevice, count: Int = 3000, recipe: AxpyRecipe = AxpyRecipe()) throws -> Bool {
        let x = (0..<count).map { Float($0) * 0.5 }
        let y = (0..<count).map { 100 - Float($0) }
        let pipeline = try device.pipelines([PipelineRequest(recipe, memory: .descriptors, multiplyAdd: nil)])[0]
        let pieces = try [x, y].map { list in
            let piece = try device.allocate(byteCount: count * 4, for: .tensor)
            try list.withUnsafeBytes { try device.upload($0, to: piece, at: 0) }
            return piece
        }
        let list = try device.makeCommandList()
        try list.begin()
        try list.dispatch(
            pipeline, pieces.map { MemorySlice($0) }, [.f32(2), .u32(UInt32(count))],
            groups: AxpyRecipe.grid(count, device.target))
        try list.end()
        try list.run(label: "works")
        var result = [Float](repeating: 0, count: count)
        try result.withUnsafeMutableBytes { try device.download(pieces[1], at: 0, into: $0) }
        return result == zip(x, y).map { 2 * $0 + $1 + Float(recipe.salt) }
    }
}
