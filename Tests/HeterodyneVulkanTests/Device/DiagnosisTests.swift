// Heterodyne: tests of what is said where Vulkan devices are missing.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

struct DiagnosisTests {
    private func write(_ text: String, _ path: String) {
        guard let file = fopen(path, "w") else { return }
        fputs(text, file)
        fclose(file)
    }

    private func makeFolders(_ path: String) {
        var partial = ""
        for part in path.split(separator: "/") {
            partial += "/" + part
            mkdir(partial, 0o755)
        }
    }

    @Test(
        "variables name the manifests, folders are expanded", arguments: ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"])
    func variables(name: String) throws {
        try TestDevices.withFolder { folder in
            write("{}", folder + "/b.json")
            write("{}", folder + "/a.json")
            write("{}", folder + "/not-json.txt")
            let diagnosis = DriverDiagnosis(variable: { $0 == name ? "/nonexistent:\(folder)" : nil })
            #expect(
                diagnosis.manifests().map(\.path) == ["/nonexistent", folder + "/a.json", folder + "/b.json"])
            let problem = try #require(diagnosis.absence().first)
            #expect(problem.reason.contains("/nonexistent") && problem.reason.contains(name))
            #expect(problem.remedy.contains(name))
        }
    }

    @Test("the standard folders are looked through in the loader's order")
    func folders() throws {
        try TestDevices.withFolder { root in
            makeFolders(root + "/etc/vulkan/icd.d")
            makeFolders(root + "/usr/share/vulkan/icd.d")
            makeFolders(root + "/home/me/.config/vulkan/icd.d")
            write("{}", root + "/usr/share/vulkan/icd.d/z.json")
            write("{}", root + "/etc/vulkan/icd.d/y.json")
            write("{}", root + "/home/me/.config/vulkan/icd.d/x.json")
            let diagnosis = DriverDiagnosis(variable: { $0 == "HOME" ? "/home/me" : nil }, root: root)
            #expect(diagnosis.manifests().map(\.id) == ["vulkan:x", "vulkan:y", "vulkan:z"])
        }
    }

    @Test("without manifests there is no driver")
    func noDriver() throws {
        try TestDevices.withFolder { root in
            let problems = DriverDiagnosis(variable: { _ in nil }, root: root).absence()
            #expect(problems.map(\.id) == ["vulkan:0"])
            #expect(problems[0].reason == "no Vulkan driver is installed")
            #expect(problems[0].remedy.contains("mesa-vulkan-drivers"))
        }
    }

    @Test(
        "a broken manifest is named with what is wrong",
        arguments: [
            ("", "line 1: the text ends early"),
            ("{\n\"ICD\": {,}\n}", "line 2: the name of a member is missing"),
            ("{\"ICD\": {\"library_path\": \"x\"}", "'}' is missing"),
            ("{\"ICD\": {\"library_path\": 3}}", "has no ICD.library_path"),
            ("[]", "has no ICD.library_path"),
            ("{\"ICD\": {\"library_path\": \"/nonexistent/libdriver.so\"}}", "/nonexistent/libdriver.so"),
            ("{\"ICD\": {\"library_path\": \"./libdriver.so\"}}", "/libdriver.so"),
            ("{\"ICD\": {\"library_path\": \"libno-such-driver.so\"}}", "libno-such-driver.so"),
        ])
    func broken(manifest: String, expected: String) throws {
        try TestDevices.withFolder { folder in
            let path = folder + "/broken.json"
            write(manifest, path)
            let diagnosis = DriverDiagnosis(variable: { $0 == "VK_DRIVER_FILES" ? path : nil })
            let problem = try #require(diagnosis.absence().first)
            #expect(problem.id == "vulkan:broken")
            #expect(problem.reason.contains(path) && problem.reason.contains(expected), "\(problem.reason)")
        }
    }

    @Test("manifests that work and find nothing are named")
    func nothingFound() throws {
        try TestDevices.withFolder { folder in
            let path = folder + "/fine.json"
            // Any library will do: whether it is a driver is the loader's business.
            write("{\"file_format_version\": \"1.0.0\", \"ICD\": {\"library_path\": \"libc.so.6\"}}", path)
            let diagnosis = DriverDiagnosis(variable: { $0 == "VK_DRIVER_FILES" ? path : nil }, root: folder)
            let problem = try #require(diagnosis.absence().first)
            #expect(problem.reason.contains("find no device") && problem.reason.contains(path))
            #expect(diagnosis.remarks() == [])
        }
    }

    @Test(
        "a device file without permission is named",
        .enabled(if: geteuid() != 0, "root may open every file"))
    func permission() throws {
        try TestDevices.withFolder { root in
            makeFolders(root + "/dev/dri")
            let path = root + "/dev/dri/renderD128"
            write("", path)
            chmod(path, 0)
            let problems = DriverDiagnosis(variable: { _ in nil }, root: root).remarks()
            #expect(problems.map(\.id) == ["vulkan:renderD128"])
            #expect(problems[0].remedy.contains("render"))
        }
    }

    @Test("without a loader the listing says what to install")
    func noLoader() throws {
        let backend = VulkanBackend(TestDevices.options { $0.libraryNames = ["libno-such-loader.so.1"] })
        let listing = backend.discover()
        #expect(listing.devices.isEmpty)
        let problem = try #require(listing.unavailable.first)
        #expect(problem.id == "vulkan:0" && problem.backend == "vulkan")
        #expect(problem.reason.contains("libno-such-loader.so.1") && problem.remedy.contains("libvulkan1"))
        do {
            _ = try backend.allocate(byteCount: 4, on: "vulkan:0")
            Issue.record("memory without a loader")
        } catch {
            #expect(error.kind == .deviceUnavailable && error.message.contains("libvulkan1"))
        }
    }

    @Test("a library that is no loader is refused")
    func wrongLoader() throws {
        let listing = VulkanBackend(TestDevices.options { $0.libraryNames = ["libm.so.6"] }).discover()
        #expect(listing.unavailable.first?.reason.contains("vkGetInstanceProcAddr") == true)
    }

    @Test(
        "manifest values",
        arguments: [
            ("\"a\\u00e9\\ud83d\\ude00\\n\"", ManifestValue.string("aé😀\n")),
            (" [1, -2.5e3 ] ", .array([.number("1"), .number("-2.5e3")])),
            ("{\"a\":{\"b\":null}}", .object(["a": .object(["b": .null])])), ("true", .bool(true)),
        ])
    func values(text: String, expected: ManifestValue) throws {
        #expect(try ManifestParser.parse(Array(text.utf8)) == expected)
    }

    @Test(
        "manifest mistakes",
        arguments: ["", "{", "[1,]", "{\"a\" 1}", "\"\\ud800\"", "nul", "1 2", "\"\n\"", "+1", "\"\\x\""])
    func mistakes(text: String) throws {
        #expect(throws: ManifestParser.Mistake.self) { try ManifestParser.parse(Array(text.utf8)) }
    }

    @Test("deep nesting is refused, not run into")
    func depth() throws {
        let text = String(repeating: "[", count: 100_000)
        #expect(throws: ManifestParser.Mistake.self) { try ManifestParser.parse(Array(text.utf8)) }
    }
}

@Suite(.enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct ListingTests {
    @Test("the first device is described")
    func first() throws {
        let backend = VulkanBackend()
        let device = try #require(backend.discover().devices.first)
        #expect(device.id == "vulkan:0" && device.backend == "vulkan")
        #expect(!device.name.isEmpty && !device.vendor.isEmpty && !device.fingerprint.isEmpty)
        #expect(device.memoryByteCount > 1 << 20)
        #expect(device.isSoftware == (device.kind == .cpu))
        for key in ["features", "subgroups", "memory heaps", "largest allocation", "driver", "Vulkan loader"] {
            #expect(device.details[key]?.isEmpty == false, "\(key)")
        }
        #expect(backend.discover() == backend.discover())
        let usages = try backend.capabilities(of: "vulkan:0").usages(of: .float32)
        #expect(usages.isSuperset(of: .compute))
    }

    @Test("other names are no devices", arguments: ["vulkan", "vulkan:99", "", "reference"])
    func unknown(name: String) throws {
        do {
            _ = try VulkanBackend().capabilities(of: name)
            Issue.record("capabilities of '\(name)'")
        } catch { #expect(error.kind == .deviceUnavailable && error.device == name) }
    }

    @Test("masked features go, and what rests on them")
    func masked() throws {
        let options = TestDevices.options { $0.maskedFeatures = [.float64, .int64, .storage8, .bufferAddresses] }
        let backend = VulkanBackend(options)
        let capabilities = try backend.capabilities(of: "vulkan:0")
        #expect(capabilities.usages(of: .float64) == [])
        #expect(capabilities.usages(of: .int64) == [])
        #expect(capabilities.usages(of: .uint8) == [])
        #expect(capabilities.usages(of: .float32).contains(.dot))
        let device = try backend.registry.device("vulkan:0")
        #expect(device.target.features.isDisjoint(with: [.float64, .int64Atomics, .float64AtomicAdd]))
        #expect(device.target.spirv.capabilities?.contains("Float64") == false)
        #expect(try TestDevices.works(device))
    }
}
