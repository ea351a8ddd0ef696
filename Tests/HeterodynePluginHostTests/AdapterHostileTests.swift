// Heterodyne: devices that plugins describe wrongly are refused one by one, with the field that is wrong.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph
import Testing

@testable import HeterodynePluginHost

/// A wrong description in `hostile.c`, and what is said about it.
struct WrongDevice: Sendable, CustomTestStringConvertible {
    let number: Int
    let id: String
    let reason: String

    init(_ number: Int, _ id: String? = nil, _ reason: String) {
        self.number = number
        self.id = id ?? "hostile:d\(number < 10 ? "0" : "")\(number)"
        self.reason = reason
    }

    var testDescription: String { "\(number): \(reason)" }

    static let all: [WrongDevice] = [
        WrongDevice(1, "hostile:1", "info.id is not UTF-8"),
        WrongDevice(2, "hostile:2", "info.id 'a b' has characters other than letters, digits, '.', '_' and '-'"),
        WrongDevice(3, "hostile:3", "info.id is NULL and has 7 bytes"),
        WrongDevice(4, "hostile:4", "info.id has 18446744073709551615 bytes; 65536 is the limit"),
        WrongDevice(5, "hostile:5", "info.id is empty, and the plugin has 38 devices"),
        WrongDevice(6, "hostile:6", "info.id 'd00' is another device's"),
        WrongDevice(7, nil, "info.fingerprint is not UTF-8"),
        WrongDevice(8, nil, "info.fingerprint is empty; it says which devices share compiled code"),
        WrongDevice(9, nil, "info.threads is 0; a device has at least 1"),
        WrongDevice(10, nil, "info.kind is 99, which is no kind of device"),
        WrongDevice(11, nil, "info.versions has 18446744073709551615 elements; 1024 is the limit"),
        WrongDevice(12, nil, "info.versions is NULL and has 1 elements"),
        WrongDevice(13, nil, "info.details[0].name is empty"),
        WrongDevice(14, "hostile:14", "info.struct_size is 3, which is too small"),
        WrongDevice(15, nil, "capabilities.claims[1] is not UTF-8"),
        WrongDevice(16, nil, "capabilities.claims[0] is NULL and has 5 bytes"),
        WrongDevice(17, nil, "capabilities.claims is NULL and has 1 elements"),
        WrongDevice(18, nil, "capabilities.usages has 18446744073709551615 elements; 65536 is the limit"),
        WrongDevice(19, nil, "capabilities.usages[15] has arithmetic for float32 without storage"),
        WrongDevice(20, nil, "capabilities.maximum_ulp[1] is nan; it must be finite and not negative"),
        WrongDevice(21, nil, "capabilities.maximum_ulp[0] is -1.0; it must be finite and not negative"),
        WrongDevice(22, nil, "capabilities.rates[0].per_second is inf; it must be finite and not negative"),
        WrongDevice(23, nil, "capabilities.rates[0] is NULL"),
        WrongDevice(24, nil, "capabilities.emulations[0].cost_factor is 0"),
        WrongDevice(25, nil, "capabilities.emulations[1] is the second one of float64"),
        WrongDevice(
            26, nil,
            "capabilities.has_unified_memory is set, but there is no buffer_address or no buffer_import"),
        WrongDevice(27, nil, "capabilities.maximum_buffer_byte_count is 0"),
        WrongDevice(
            28, nil, "capabilities.composite_errors[0].maximum_ulp is -2.0; it must be finite and not negative"),
        WrongDevice(29, nil, "capabilities.struct_size is 0, which is too small"),
        WrongDevice(30, nil, "capabilities.usages is at an address that is no multiple of 4"),
        WrongDevice(31, nil, "info.name is empty"),
        WrongDevice(36, "hostile:36", "info is NULL"),
    ]
}

@Suite("Plugins that describe their devices wrongly", .enabled(if: CPlugin.compiler != nil, "needs a C compiler"))
struct AdapterHostileTests {
    private static let listing = Result { try CPlugin("hostile").backend.discover() }

    @Test("A device with a wrong field is refused, and the field is named", arguments: WrongDevice.all)
    func wrong(_ device: WrongDevice) throws {
        let line = try #require(try Self.listing.get().unavailable.first { $0.id == device.id })
        #expect(line.reason == "the plugin gives a wrong description: \(device.reason)")
        #expect(line.backend == "hostile")
        #expect(line.remedy.hasSuffix("libhostile.so"))
    }

    @Test("The other devices stay")
    func others() throws {
        let listing = try Self.listing.get()
        #expect(listing.devices.map(\.id) == ["hostile:d00", "hostile:d33", "hostile:d34"])
        #expect(listing.devices.count + listing.unavailable.count == 38)
    }

    @Test("What the plugin itself reports is shown as it is")
    func reported() throws {
        let lines = try Self.listing.get().unavailable
        let old = try #require(lines.first { $0.id == "hostile:d32" })
        #expect(old.reason == "the driver is too old")
        let asleep = try #require(lines.first { $0.id == "hostile:35" })
        #expect(asleep.reason == "it is asleep")
        // A status that does not exist, and a message that is longer than its room.
        let odd = try #require(lines.first { $0.id == "hostile:d37" })
        #expect(odd.reason.hasSuffix("(status -12345, which has no meaning here)"))
    }

    @Test("Odd but harmless things are taken: texts are repaired, sizes clamped, what later versions add left out")
    func odd() throws {
        let plugin = try CPlugin("hostile")
        let device = try #require(plugin.backend.discover().devices.first { $0.id == "hostile:d33" })
        #expect(device.name == "A\u{FFFD}\u{FFFD}B")
        #expect(device.memoryByteCount == .max && device.freeMemoryByteCount == .max && device.threads == .max)
        #expect(device.versions["driver"] == "1\u{FFFD}[31m\u{FFFD}")
        #expect(device.versions["plugin"] == "\u{FFFD}\u{FFFD}\u{FFFD}")
        let can = try plugin.backend.capabilities(of: device.id)
        #expect(can.maximumBufferByteCount == .max && can.fusion.maximumNodes == .max)
        #expect(can.fusion.scalarTypes == Set(ScalarType.allCases))
        let everything: ScalarUsage = [.compute, .atomicAdd, .matrixEngine]
        #expect(can.scalarTypes == [.float32: everything, .int8: .storage])
        #expect(can.exceptions.map(\.primitive) == [.exp])
        #expect(can.exceptions[0].reason == "the device has no exp for float32")
        #expect(can.emulations[.float64]?.precision == 48)
    }

    @Test("Structs that end earlier, as an older plugin's, are not read beyond their end")
    func short() throws {
        let plugin = try CPlugin("hostile")
        let can = try plugin.backend.capabilities(of: "hostile:d34")
        #expect(
            can.rates.isEmpty
                && can.fusion
                    == FusionCapabilities(
                        elementwiseRegions: false, dotEpilogues: false, maximumOperands: 0, maximumNodes: 0,
                        scalarTypes: [],
                        composites: [])
        )
        #expect(can.usages(of: .int8) == .storage)
    }

    @Test(
        "A plugin that cannot be used at all is one line",
        arguments: [
            ("HOSTILE_COUNT=0", "the plugin found no device"),
            ("HOSTILE_COUNT=UINT64_MAX", "the plugin says that it has 18446744073709551615 devices; 1024 is the limit"),
            ("HOSTILE_COUNT_FAILS", "the plugin cannot say which devices there are: bus error\u{FFFD}"),
            ("HOSTILE_NO_EXECUTE", "the plugin is broken: it has no execute, which every plugin has"),
            ("HOSTILE_TABLE_SIZE=7", "the plugin is broken: the plugin's table.struct_size is 7, which is too small"),
            (
                "HOSTILE_TABLE_SIZE=offsetof(heterodyne_plugin,compile)",
                "the plugin is broken: it has no compile, program_free, invocation_create, invocation_free, execute, "
                    + "which every plugin has"
            ),
        ])
    func whole(macro: String, reason: String) throws {
        let listing = try CPlugin("hostile", [macro]).backend.discover()
        #expect(listing.devices.isEmpty)
        #expect(listing.unavailable.map(\.reason) == [reason])
        #expect(listing.unavailable.map(\.id) == ["hostile"])
    }

    @Test("Random numbers in what is handed out end in a description or a reason, and in nothing else")
    func random() {
        var random = RandomViewGraph(seed: 1)
        var (taken, reasons) = (0, Set<String>())
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 19, alignment: 16)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0x61)
        // Pointers are NULL or at memory that is there, since what they point at cannot be checked. Numbers are
        // anything.
        func pointer() -> UnsafeMutableRawPointer? { random.next() % 8 == 0 ? nil : memory.baseAddress }
        func number() -> UInt64 {
            switch random.next() % 8 {
            case 0: random.next()
            case 1: .max - random.next() % 3
            case 2: 0
            default: random.next() % 40
            }
        }
        func text() -> heterodyne_string {
            heterodyne_string(
                data: UnsafePointer(pointer()?.assumingMemoryBound(to: CChar.self)), size: number())
        }
        for _ in 0..<5000 {
            var info = heterodyne_device_info()
            info.struct_size =
                MemoryLayout<heterodyne_device_info>.size - Int(random.next() % 8) / 7 * Int(number() % 64)
            (info.id, info.name, info.vendor) = (text(), text(), text())
            (info.fingerprint, info.remedy) = (text(), text())
            if random.next() % 4 == 0 { info.unavailable_reason = text() }
            info.kind = UInt32(truncatingIfNeeded: number() % 7)
            info.flags = UInt32(truncatingIfNeeded: number())
            (info.threads, info.memory_byte_count, info.free_memory_byte_count) = (number(), number(), number())
            if random.next() % 8 == 0 { (info.version_count, info.detail_count) = (number(), number()) }
            var id = ""
            do throws(Refusal) {
                let read = try DeviceInfo(&info, backend: "random", id: &id)
                #expect(read.unavailable != nil || read.descriptor.threads >= 1 && !read.descriptor.name.isEmpty)
                taken += 1
            } catch { reasons.insert(String(error.reason.prefix { $0 != " " })) }

            var can = heterodyne_capabilities()
            can.struct_size =
                MemoryLayout<heterodyne_capabilities>.size - Int(random.next() % 8) / 7 * Int(number() % 64)
            (can.usage_count, can.usages) = (number(), UnsafePointer(pointer()?.assumingMemoryBound(to: UInt32.self)))
            (can.ulp_count, can.maximum_ulp) = (
                number(), UnsafePointer(pointer()?.assumingMemoryBound(to: Double.self))
            )
            if random.next() % 4 == 0 { (can.claim_count, can.rate_count) = (number(), number()) }
            if random.next() % 4 == 0 { (can.exception_count, can.emulation_count) = (number(), number()) }
            (can.maximum_buffer_byte_count, can.maximum_region_nodes) = (number(), number())
            (can.region_types, can.maximum_region_operands) = (number(), number())
            can.has_unified_memory = UInt32(random.next() % 8 / 7)
            do throws(Refusal) {
                let read = try Capabilities(plugin: &can, hasHostAccess: false)
                #expect(read.maximumBufferByteCount > 0 && !read.hasUnifiedMemory)
                taken += 1
            } catch { reasons.insert(String(error.reason.prefix { $0 != " " })) }
        }
        #expect(taken > 1000)
        #expect(
            reasons.isSuperset(of: [
                "info.id", "info.name", "info.kind", "info.threads", "info.fingerprint", "capabilities.usages",
                "capabilities.maximum_ulp", "capabilities.claims", "capabilities.rates",
                "capabilities.maximum_buffer_byte_count", "capabilities.has_unified_memory",
            ]))
        #expect(reasons.allSatisfy { $0.hasPrefix("info.") || $0.hasPrefix("capabilities.") })
    }

    @Test("A device that cannot be used says why when it is asked for")
    func asked() throws {
        let plugin = try CPlugin("hostile")
        let missing = try backendError { _ = try plugin.backend.capabilities(of: "hostile:d32") }
        #expect(missing.kind == .deviceUnavailable && missing.message.hasPrefix("the driver is too old"))
        let unknown = try backendError { _ = try plugin.backend.allocate(byteCount: 4, on: "hostile:no") }
        #expect(unknown.message.contains("it has: hostile:d00, hostile:d33, hostile:d34"))
        // Its functions fail, which is an error and nothing worse.
        let failed = try backendError { _ = try plugin.backend.allocate(byteCount: 4, on: "hostile:d00") }
        #expect(failed.kind == .executionFailed)
        #expect(failed.message == "plugin hostile: buffer_allocate failed and did not say why")
    }
}
