// Heterodyne: tests of compiled kernels and of the files that keep them.
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import HeterodyneBackend
import HeterodyneKernelIR
import Synchronization
import Testing

@testable import HeterodyneVulkan

@Suite(.enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct PipelineTests {
    private static func request(_ salt: Int) -> PipelineRequest {
        PipelineRequest(AxpyRecipe(salt: salt), memory: .descriptors, multiplyAdd: nil)
    }

    @Test("threads that ask for the same kernels get them made once")
    func once() throws {
        let injector = FailureInjector()
        let device = try TestDevices.open(TestDevices.options { $0.failures = injector })
        let before = injector.count(.pipeline)
        let made = Mutex<[[ObjectIdentifier]]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            let list = (try? device.pipelines((0..<6).map(Self.request))) ?? []
            made.withLock { $0.append(list.map(ObjectIdentifier.init)) }
            withExtendedLifetime(list) {}
        }
        let lists = made.withLock { $0 }
        #expect(lists.count == 8 && lists.allSatisfy { $0 == lists[0] && Set($0).count == 6 })
        // A shader module and a pipeline each.
        #expect(injector.count(.pipeline) - before == 12)
    }

    @Test("requests within a request are shared, in the order of the request")
    func order() throws {
        let device = try DeviceRunner.shared.device
        let list = try device.pipelines([1, 2, 1, 3, 2].map(Self.request))
        #expect(list[0] === list[2] && list[1] === list[4] && list[0] !== list[1])
    }

    @Test("what was not used for long is made anew, what is held stays")
    func bounded() throws {
        let injector = FailureInjector()
        let device = try TestDevices.open(
            TestDevices.options {
                $0.failures = injector
                $0.pipelineCapacity = 4
            })
        let first = try device.pipelines([Self.request(0)])[0]
        let start = injector.liveObjectCount
        for salt in 1..<20 { _ = try device.pipelines([Self.request(salt)]) }
        #expect(injector.liveObjectCount - start <= 5)
        #expect(try device.pipelines([Self.request(0)])[0] !== first)
        #expect(first.kernel.name == "axpy")
    }

    @Test("a kernel that cannot be built is named, and tried again")
    func failure() throws {
        let device = try DeviceRunner.shared.device
        for _ in 0..<2 {
            do {
                let good = Self.request(1)
                let bad = PipelineRequest(BadRecipe(), memory: .descriptors, multiplyAdd: nil)
                _ = try device.pipelines([good, bad])
                Issue.record("a pipeline of nothing")
            } catch {
                #expect(error.kind == .compilationFailed && error.message.contains("BadRecipe"))
            }
        }
    }

    @Test("too many push constants are refused by name")
    func pushConstants() throws {
        let device = try DeviceRunner.shared.device
        let recipe = PushRecipe(count: device.target.maximumPushConstantByteCount / 4 + 1)
        do {
            _ = try device.pipelines([PipelineRequest(recipe, memory: .descriptors, multiplyAdd: nil)])
            Issue.record("\(recipe.count) push constants")
        } catch { #expect(error.kind == .compilationFailed && error.message.contains("pushes")) }
    }

    @Test("compiled pipelines are kept on disk; damaged and foreign files cost nothing but time")
    func disk() throws {
        try TestDevices.withFolder { folder in
            let options = TestDevices.options { $0.cacheDirectory = folder + "/deep/er" }
            let place = folder + "/deep/er/vulkan"
            #expect(try TestDevices.works(TestDevices.open(options)))
            let names = TestDevices.files(place).filter { $0.hasSuffix(".pipelines") }
            let name = try #require(names.first)
            let physical = try TestDevices.open(options).logical.physical
            let file = CacheFile(folder: place, name: name, identity: Checksum.of(physical.fingerprint))
            let content = try #require(file.read())
            #expect(!content.isEmpty)
            for damage in [[], [1, 2, 3], [UInt8](repeating: 0xff, count: 4096), Array(content.dropLast())] {
                // A file of our own with nonsense inside, as a failing disk or another driver leaves it.
                #expect(file.write(damage))
                #expect(try TestDevices.works(TestDevices.open(options)))
            }
            #expect(TestDevices.files(place).allSatisfy { !$0.hasSuffix(".tmp") })
        }
    }

    @Test("a folder that cannot be made does no harm")
    func noFolder() throws {
        let options = TestDevices.options { $0.cacheDirectory = "/proc/heterodyne" }
        #expect(try TestDevices.works(TestDevices.open(options)))
    }
}

struct CacheFileTests {
    @Test("what was written is read back", arguments: [0, 1, 7, 8, 9, 4096, 100_001])
    func roundTrip(count: Int) throws {
        try TestDevices.withFolder { folder in
            let file = CacheFile(folder: folder + "/a/b", name: "x", identity: 42)
            #expect(file.read() == nil)
            let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            #expect(file.write(content))
            #expect(file.read() == content)
            #expect(CacheFile(folder: folder + "/a/b", name: "x", identity: 43).read() == nil)
            #expect(TestDevices.files(folder + "/a/b") == ["x"])
        }
    }

    @Test("any changed, missing or added byte is noticed")
    func damage() throws {
        try TestDevices.withFolder { folder in
            let file = CacheFile(folder: folder, name: "x", identity: 42)
            file.write((0..<50).map { UInt8($0) })
            let bytes = try #require(TestDevices.bytes(file.path))
            for position in bytes.indices {
                var changed = bytes
                changed[position] ^= 0x10
                TestDevices.write(changed, file.path)
                #expect(file.read() == nil, "byte \(position)")
            }
            for count in 0..<bytes.count {
                TestDevices.write(Array(bytes.prefix(count)), file.path)
                #expect(file.read() == nil, "\(count) bytes")
            }
            TestDevices.write(bytes + [0], file.path)
            #expect(file.read() == nil)
            TestDevices.write(bytes, file.path)
            #expect(file.read() != nil)
        }
    }

    @Test("writers at the same time leave one whole content, and the lock lets one in at a time")
    func concurrency() throws {
        try TestDevices.withFolder { folder in
            let file = CacheFile(folder: folder, name: "x", identity: 1)
            let inside = Atomic<Int>(0)
            let most = Atomic<Int>(0)
            DispatchQueue.concurrentPerform(iterations: 16) { index in
                file.write([UInt8](repeating: UInt8(index), count: 10_000 + index))
                file.exclusively {
                    let now = inside.add(1, ordering: .sequentiallyConsistent).newValue
                    most.max(now, ordering: .sequentiallyConsistent)
                    inside.subtract(1, ordering: .sequentiallyConsistent)
                }
            }
            let content = try #require(file.read())
            #expect(content.count == 10_000 + Int(content[0]) && Set(content).count == 1)
            #expect(most.load(ordering: .sequentiallyConsistent) == 1)
        }
    }
}

private struct BadRecipe: KernelRecipe {
    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        throw .invalidDeclaration("nothing to build")
    }
}

/// Takes many push constants.
private struct PushRecipe: KernelRecipe {
    var count: Int

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("pushes", workgroup: [1, 1, 1])
        let y = k.buffer("y", .u32, .readWrite)
        var sum = k.constant(0, .u32)
        for index in 0..<count { sum = sum + k.pushConstant("p\(index)", .u32) }
        y[k.constant(0, .u32)] = sum
        return try k.finish()
    }
}
