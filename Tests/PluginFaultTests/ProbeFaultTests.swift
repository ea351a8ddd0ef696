// Heterodyne: plugins that crash, hang, lie and mumble when they are tried out: one line each, and nobody else suffers.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import Testing

/// A plugin whose fault shows before its device can be used.
struct ProbeFault: Sendable, CustomTestStringConvertible {
    let fault: String
    /// What the reason says.
    let words: [String]
    var definitions: [String] = []
    var hangs = false

    var testDescription: String { fault }

    init(_ fault: String, _ words: String..., definitions: [String] = [], hangs: Bool = false) {
        self.fault = fault
        self.words = words
        self.definitions = definitions
        self.hangs = hangs
    }

    static let ends: [ProbeFault] = [
        .init("crash_in_constructor", "signal 11"),
        .init("hang_in_constructor", "no answer", hangs: true),
        .init("exit_in_constructor", "exit status 3"),
        .init("crash_in_open", "signal 11", "open"),
        .init("hang_in_open", "no answer", "open", hangs: true),
        .init("exit_in_open", "exit status 3", "open"),
        .init("quiet_exit_in_open", "exit status 0", "open"),
        .init("abort_in_open", "signal 6", "open"),
        .init("stop_in_open", "no answer", "open", hangs: true),
        .init("overflow_stack_in_open", "signal 11", "open"),
        .init("close_files_in_open", "open"),
        .init("wild_table", "signal 11"),
        .init("crash_in_describe", "signal 11", "describing device 0"),
        .init("hang_in_describe", "no answer", "describing device 0", hangs: true),
        .init("crash_in_capabilities", "signal 11", "capabilities of device 0"),
        .init("hang_in_capabilities", "no answer", "capabilities of device 0", hangs: true),
    ]

    static let answers: [ProbeFault] = [
        .init("fail_open", "the licence server is away"),
        .init("fail_open_silently", "INTERNAL", "no reason"),
        .init("unknown_status_in_open", "-99", "a number of our own"),
        .init("long_message_in_open", "xxxxxxxx"),
        .init("message_beyond_capacity_in_open", "cut off"),
        .init("garbage_message_in_open", "not UTF-8"),
        .init("null_table", "without handing out"),
        .init("version_zero", "version 0"),
        .init("version_too_low", "0.9", "1.0"),
        .init("version_too_high", "1.4000", "1.0"),
        .init("table_size_zero", "struct_size", " 0 "),
        .init("table_size_small", "struct_size"),
        .init("table_size_huge", "struct_size", "18446744073709551615"),
        .init("fail_count", "the driver counts to no number"),
        .init("no_devices", "no device"),
        .init("absurd_count", "18446744073709551615 devices"),
        .init("fail_describe", "the card fell off the bus"),
        .init("null_info", "info is NULL"),
        .init("info_size_zero", "info.struct_size is 0"),
        .init("info_size_small", "info.name", "struct_size of 32"),
        .init("info_size_huge", "info.struct_size is 18446744073709551615"),
        .init("null_text", "name", "NULL"),
        .init("huge_text", "name", "9223372036854775808"),
        .init("same_empty_ids", "info.id is empty"),
        .init("slash_in_id", "info.id '../0:1'"),
        .init("long_id", "info.id", "1048576"),
        .init("unknown_kind", "info.kind is 4000000000"),
        .init("no_threads", "info.threads is 0"),
        .init("absurd_version_count", "versions", "4611686018427387904"),
        .init("null_versions", "versions", "NULL"),
        .init("unavailable", "the driver is from last year"),
        .init("fail_capabilities", "the card does not answer"),
        .init("null_capabilities", "capabilities is NULL"),
        .init("capabilities_size_small", "capabilities.maximum_buffer_byte_count", "struct_size of 24"),
        .init("absurd_usage_count", "usages", "1152921504606846976"),
        .init("null_usages", "usages", "NULL"),
        .init("absurd_exception_count", "exceptions", "1152921504606846976"),
        .init("null_exception", "exceptions", "NULL"),
        .init("not_a_number", "nan"),
        .init("unified_without_address", "has_unified_memory", "buffer_address"),
        .init("absurd_claims", "claims", "18446744073709551615"),
    ]

    /// Every function that the header does not call optional.
    static let missing: [ProbeFault] = {
        let header = try? InterfaceHeader.current()
        let functions = (try? header?.fields(of: "heterodyne_plugin")) ?? []
        return functions.filter { $0.isFunction && !$0.isOptional }
            .map { .init("missing_function", $0.name, definitions: ["MISSING=\($0.name)"]) }
    }()
}

@Suite("Faults before a plugin is used", .enabled(if: Fixture.canBuild, Fixture.reason))
struct ProbeFaultTests {
    /// Finds a plugin with a fault beside a correct one, and returns the line that is given for it.
    private func line(_ expected: ProbeFault) throws -> UnavailableDevice {
        let folder = try PluginFolder()
        try folder.install("faulty", fault: expected.fault, expected.definitions)
        try folder.installHealthy()
        let found = folder.find(seconds: expected.hangs ? 2 : 30)
        try found.expectHealthy()
        let lines = found.lines
        #expect(lines.allSatisfy { $0.backend == "faulty" }, "\(lines)")
        #expect(Self.isLeftAlone(folder.path), "a process of the plugin is left")
        let line = try #require(lines.first, "\(expected.fault) went unnoticed")
        #expect(found.backends.filter { $0.name == "faulty" }.allSatisfy { $0.discover().devices.isEmpty })
        #expect(lines.count <= 2 && (line.id == "faulty" || line.id.hasPrefix("faulty:")), "\(lines)")
        #expect(line.reason.utf8.count > 10 && line.reason.utf8.count < 2000 && line.remedy.utf8.count > 5, "\(line)")
        // One line, in whatever a terminal makes of it.
        #expect(!(line.reason + line.remedy).unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F })
        for word in expected.words { #expect(line.reason.contains(word), "\(line.reason)") }
        return line
    }

    @Test("A plugin that ends or hangs the process is refused with what happened", arguments: ProbeFault.ends)
    func ends(_ expected: ProbeFault) throws {
        let line = try line(expected)
        if expected.fault != "close_files_in_open" { #expect(line.id == "faulty") }
    }

    @Test("A plugin that answers nonsense is refused with what is wrong", arguments: ProbeFault.answers)
    func answers(_ expected: ProbeFault) throws {
        let line = try line(expected)
        if expected.fault == "unavailable" { #expect(line.remedy == "install driver 12") }
    }

    @Test("A plugin without a function that every plugin needs is refused by its name", arguments: ProbeFault.missing)
    func missing(_ expected: ProbeFault) throws { _ = try line(expected) }

    static let cxx = ["c++", "g++", "clang++"].lazy.compactMap(Tool.find).first

    @Test(
        "A C++ plugin that lets an exception out is refused",
        .enabled(if: cxx != nil, "needs a C++ compiler on the path"),
        arguments: [("IN_OPEN", "opening"), ("WHILE_LOADING", "loaded")])
    func exceptions(place: String, words: String) throws {
        let folder = try PluginFolder()
        let build = try Tool.run(
            try #require(Self.cxx),
            [
                "-std=c++11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-fPIC", "-shared", "-D\(place)", "-I",
                Package.include.path, Package.fixtures.appending(path: "throwing.cpp").path, "-o",
                folder.scratch.path("libfaulty.so"),
            ])
        try #require(build.status == 0, "\(build.errors)")
        try folder.announce("faulty", "libfaulty.so")
        try folder.installHealthy()
        let found = folder.find()
        try found.expectHealthy()
        let line = try #require(found.refused.first)
        #expect(line.reason.contains("signal 6") && line.reason.contains(words), "\(line.reason)")
    }

    @Test("As many functions are asked for as the header demands")
    func missingCount() { #expect(ProbeFault.missing.count == 12) }

    /// Processes that have mapped a file of a folder.
    static func processes(using folder: String) -> [pid_t] {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return processes.compactMap(pid_t.init).filter { process in
            guard let maps = FileManager.default.contents(atPath: "/proc/\(process)/maps") else { return false }
            return String(decoding: maps, as: UTF8.self).contains(folder)
        }
    }

    /// Whether nobody but this process uses a folder. Forks of this process, which other tests make, use what it uses for the
    /// seconds that they live; what a plugin leaves behind sleeps for a minute.
    static func isLeftAlone(_ folder: String) -> Bool {
        for _ in 0..<100 {
            if processes(using: folder).allSatisfy({ $0 == getpid() }) { return true }
            Thread.sleep(forTimeInterval: 0.1)
        }
        return false
    }

    @Test("Of two devices with one identifier, the first can be used and the second is told")
    func sameIds() throws {
        let folder = try PluginFolder()
        try folder.install("faulty", fault: "same_ids")
        let found = folder.find()
        let listing = try #require(found.backends.first, "\(found.refused)").discover()
        #expect(listing.devices.map(\.id) == ["faulty:0"])
        #expect(listing.unavailable.count == 1 && listing.unavailable[0].reason.contains("info.id '0' is another"))
    }

    @Test(
        "Oddities that do no harm: the device can be used, and what cannot be shown is replaced",
        arguments: [
            "invalid_text", "control_in_name", "absurd_memory", "unknown_exception", "leave_child_in_open",
            "print_in_constructor", "prints_everywhere",
        ])
    func harmless(fault: String) throws {
        let folder = try PluginFolder()
        try folder.install("faulty", fault: fault)
        let clock = ContinuousClock()
        let start = clock.now
        let found = folder.find()
        // A child that the plugin leaves behind keeps nobody waiting for a minute, and does not outlive the probe.
        #expect(clock.now - start < .seconds(25))
        #expect(Self.isLeftAlone(folder.path), "a process of the plugin is left")
        let device = try #require(found.backends.first?.discover().devices.first, "\(found.lines)")
        let texts = [device.id, device.name, device.vendor] + device.details.values
        #expect(!texts.joined().unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F })
        #expect(device.memoryByteCount >= 0)
        try found.expectHealthy("faulty")
    }
}
