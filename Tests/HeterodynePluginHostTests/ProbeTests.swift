// Heterodyne: tests of plugins that crash, hang, lie and exit while they are tried out.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import Testing

@testable import HeterodynePluginHost

@Suite struct ProbeTests {
    /// A fault of the fixture, and what the reason must contain.
    struct Fault: Sendable, CustomTestStringConvertible {
        var name: String
        var reasons: [String]
        var isHang = false

        init(_ name: String, _ reasons: String..., isHang: Bool = false) {
            self.name = name
            self.reasons = reasons
            self.isHang = isHang
        }

        var testDescription: String { name }
    }

    static let faults = [
        Fault("CRASH_IN_CONSTRUCTOR", "crashed with signal 11 (segmentation fault) while its library was being loaded"),
        Fault("HANG_IN_CONSTRUCTOR", "gave no answer within 2 s while its library was being loaded", isHang: true),
        Fault("EXIT_IN_CONSTRUCTOR", "ended the process (exit status 3) while its library was being loaded"),
        Fault("CRASH_IN_OPEN", "crashed with signal 11 (segmentation fault) while opening"),
        Fault("HANG_IN_OPEN", "gave no answer within 2 s while opening", isHang: true),
        Fault("EXIT_IN_OPEN", "ended the process (exit status 3) while opening"),
        Fault("ABORT_IN_OPEN", "crashed with signal 6 (abort) while opening"),
        Fault("VERSION_ZERO", "picked version 0"),
        Fault("VERSION_TOO_NEW", "picked version 7.3", "offered 1.0 to"),
        Fault("SMALL_TABLE", "heterodyne_plugin has a struct_size of"),
        Fault("TINY_TABLE", "heterodyne_plugin has a struct_size of 8 bytes"),
        Fault("NO_EXECUTE", "its function execute is NULL"),
        Fault("NO_TABLE", "without handing out a heterodyne_plugin"),
        Fault("MISMATCH", "returned HETERODYNE_VERSION_MISMATCH while opening: it speaks 7.0 only"),
        Fault("UNKNOWN_STATUS", "returned status 4711 while opening", "garbage"),
        Fault("HANG_IN_COUNT", "gave no answer within 2 s while counting its devices", isHang: true),
        Fault("FAIL_IN_COUNT", "HETERODYNE_DEVICE_LOST while counting its devices: the bus does not answer"),
        Fault("TOO_MANY_DEVICES", "1025 devices"),
        Fault("HANG_IN_DESCRIBE", "gave no answer within 2 s while describing device 0", isHang: true),
        Fault("WILD_TEXT", "crashed with signal 11 (segmentation fault) while describing device 0"),
        Fault("CRASH_IN_CAPABILITIES", "crashed with signal 11", "while giving the capabilities of device 0"),
        Fault("WILD_CLAIMS", "crashed with signal 11", "while giving the capabilities of device 0"),
        Fault("PRINTS_AND_CRASHES", "crashed with signal 11", "it printed: licence server not found giving up"),
        Fault("PRINTS_FOR_EVER", "gave no answer within 2 s while opening", "it printed: noise noise", isHang: true),
        Fault("IGNORES_SIGNALS", "gave no answer within 2 s while opening", isHang: true),
        Fault("STOPS", "gave no answer within 2 s while opening", isHang: true),
        Fault("WRITES_EVERYWHERE", "ended the process"),
        Fault("CLOSES_EVERYTHING", "ended the process"),
    ]

    /// Every fault in one folder with a healthy plugin, all at once: each line, nothing harmed, and no longer than one.
    @Test(arguments: [true, false])
    func everyFaultHasItsLineAndHarmsNobody(isFresh: Bool) throws {
        let fixture = try LoadingFixture()
        for fault in Self.faults {
            try fixture.install(fault.name.lowercased(), fault: fault.name)
        }
        try fixture.install("healthy")
        let probe = PluginProbe(seconds: 2, isFresh: isFresh)
        let environment = PluginEnvironment(isElevated: false, variables: [:])
        let start = PluginProbe.now
        let findings = PluginHost(folders: [fixture.path], probe: probe, environment: environment).find()
        let seconds = PluginProbe.now - start
        #expect(findings.backends.map(\.name) == ["healthy"])
        #expect(findings.refused.count == Self.faults.count)
        for fault in Self.faults {
            let line = findings.refused.first { $0.id == fault.name.lowercased() }
            for part in fault.reasons {
                #expect(line?.reason.contains(part) == true, "\(fault.name): \(line?.reason ?? "no line")")
            }
            #expect(line?.reason.contains(fixture.file("lib\(fault.name.lowercased()).so")) == true)
            #expect(line?.remedy.isEmpty == false)
            #expect(line?.reason.unicodeScalars.contains { $0.value < 0x20 } == false)
        }
        // One after the other, those that hang would take two seconds each.
        let hanging = Double(Self.faults.filter(\.isHang).count)
        #expect(seconds < 2 * hanging, "\(seconds) s")
    }

    /// What is wrong with one device, without harm to who reads it, is that device's own line.
    @Test(arguments: ["NO_INFO", "SMALL_INFO", "LONG_TEXT", "NULL_TEXT", "NO_CAPABILITIES"])
    func aWrongDeviceIsALineOfItsOwn(fault: String) throws {
        let fixture = try LoadingFixture()
        try fixture.install("acme", fault: fault)
        let findings = PluginHost(folders: [fixture.path], probeSeconds: 5).find()
        #expect(findings.refused == [])
        let listing = try #require(findings.backends.first).discover()
        #expect(listing.devices == [])
        #expect(listing.unavailable.count == 1)
        #expect(listing.unavailable.first?.reason.isEmpty == false)
    }

    @Test func aFaultyDeviceIsNoFaultyPlugin() throws {
        let fixture = try LoadingFixture()
        let request = PluginProbe.Request(library: try fixture.plugin("liba.so", fault: "FAILS_DESCRIBE"))
        let report = try #require(PluginProbe(seconds: 5).run([request]).first)
        #expect(report.answer == .passed(version: 1 << 16, deviceCount: 2))
        #expect(report.refusal(of: request, name: "a", manifest: nil) == nil)
    }

    @Test func whatIsNoPluginIsSaid() throws {
        let fixture = try LoadingFixture()
        try fixture.install("acme", flags: ["-DNO_ENTRY"])
        let findings = PluginHost(folders: [fixture.path], probeSeconds: 5).find()
        #expect(findings.refused.first?.reason.contains("has no function heterodyne_plugin_open") == true)
    }

    @Test func theTestRunsInTheMainProgram() { #expect(PluginProbe.canStartFresh) }

    /// Input, output, files, core dumps and process group of the child, as a plugin sees them.
    @Test(arguments: [true, false])
    func theChildHasNothingOfTheHost(isFresh: Bool) throws {
        let fixture = try LoadingFixture()
        let request = PluginProbe.Request(library: try fixture.plugin("liba.so", fault: "REPORTS_ITSELF"))
        let report = try #require(PluginProbe(seconds: 5, isFresh: isFresh).run([request]).first)
        #expect(report.end == .exited(9))
        #expect(
            String(decoding: report.output, as: UTF8.self)
                == "input /dev/null, core 0, open files 0, leads its group 1, name heterodyne (probe)\n")
    }

    /// The probe's C code in a program of its own, as part of the program or of a library that it loads; the host ignores
    /// SIGCHLD, so that how the child ended is lost.
    @Test(arguments: [true, false])
    func otherProgramsCanProbe(asLibrary: Bool) throws {
        let fixture = try LoadingFixture()
        let plugin = try fixture.plugin("libplugin.so")
        let host = try fixture.host(asLibrary: asLibrary)
        let output = try LoadingFixture.run(host, [plugin])
        // Starting, loading, opening, counting, describing, capabilities; done.
        #expect(output == "main 2 in-main \(asLibrary ? 0 : 1) start 0 records 1 1 1 1 1 1 7 end 3\n")
    }

    /// Whoever starts a set-user-id program chooses the name it is started under, and must not have it load libraries.
    @Test(.enabled(if: geteuid() == 0, "only root can make a program that runs as somebody else"))
    func elevatedProgramsAreNoProbes() throws {
        let fixture = try LoadingFixture()
        let plugin = try fixture.plugin("libplugin.so")
        let host = try fixture.host(asLibrary: false)
        let arguments = ["-c", "exec -a heterodyne-plugin-probe \"$0\" 65536 65536 \"$1\" 3>/dev/null", host, plugin]
        // Without elevated rights it probes, and main is never reached.
        #expect(try LoadingFixture.run("bash", arguments) == "")
        try #require(chmod(host, 0o4755) == 0)
        let output = try LoadingFixture.run("setpriv", ["--reuid", "65534", "--clear-groups", "bash"] + arguments)
        #expect(output == "main 4 elevated 1\n")
    }

    @Test(arguments: [true, false])
    func nothingIsLeftBehind(isFresh: Bool) throws {
        let fixture = try LoadingFixture()
        let requests = try ["LEAVES_A_PROCESS", "HANG_IN_OPEN", "NONE"].map {
            PluginProbe.Request(library: try fixture.plugin("lib\($0).so", fault: $0))
        }
        let start = PluginProbe.now
        let reports = PluginProbe(seconds: 2, isFresh: isFresh).run(requests)
        // The process that the first one left holds the pipes open, and nobody waits for it.
        #expect(reports[0].answer == .passed(version: 1 << 16, deviceCount: 1))
        #expect(reports[1].end == .timedOut(2))
        #expect(reports[2].end == .exited(0))
        #expect(PluginProbe.now - start < 15)
        // No process has one of the libraries mapped any more, whoever its parent is.
        var users: [String] = []
        for _ in 0..<100 {
            users = try processes(mapping: fixture.path)
            if users.isEmpty { break }
            usleep(20000)
        }
        #expect(users == [])
    }

    private func processes(mapping folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
            guard let id = Int32(name), id != getpid(), let maps = fopen("/proc/\(name)/maps", "r") else {
                return false
            }
            defer { fclose(maps) }
            var line = [CChar](repeating: 0, count: 4096)
            while fgets(&line, 4096, maps) != nil {
                let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
                if text.contains(folder) { return true }
            }
            return false
        }
    }

    @Test func manyWaitNoLongerThanOne() throws {
        let fixture = try LoadingFixture()
        let library = try fixture.plugin("libhang.so", fault: "HANG_IN_OPEN")
        let start = PluginProbe.now
        let reports = PluginProbe(seconds: 2).run((0..<7).map { _ in PluginProbe.Request(library: library) })
        #expect(reports.allSatisfy { $0.end == .timedOut(2) && $0.phase == .opening })
        #expect(PluginProbe.now - start < 13)
    }

    @Test func timeWithoutAProcessorIsKnown() {
        guard let seconds = PluginProbe.secondsWaiting(getpid()) else { return }
        #expect(seconds >= 0 && seconds < 1e6)
        #expect(PluginProbe.secondsWaiting(-1) == nil)
    }

    @Test func garbageOnThePipeIsNoRecord() {
        var report = ProbeReport()
        var bytes = [UInt8](repeating: 0xAB, count: 100)
        let isTaken = report.take(records: &bytes)
        #expect(!isTaken)
        #expect(report == ProbeReport())
        for _ in 0..<2000 {
            var bytes = (0..<Int.random(in: 0...80)).map { _ in UInt8.random(in: 0...255) }
            // A right beginning, so that what follows is looked at.
            if bytes.count > 4 {
                bytes.replaceSubrange(0..<4, with: withUnsafeBytes(of: UInt32(0x4874_5072)) { Array($0) })
            }
            _ = report.take(records: &bytes)
        }
    }

    @Test func whatPluginsLogReachesTheHandler() throws {
        let fixture = try LoadingFixture()
        let lines = LogLines()
        let path = try fixture.plugin("libacme-logs.so", fault: "LOGS_GARBAGE")
        PluginLog.setHandler { lines.append($0) }
        defer { PluginLog.setHandler(nil) }
        _ = try PluginHost.load(path: path, probeSeconds: 5)
        let own = lines.all.filter { $0.plugin == "libacme-logs.so" }
        #expect(own.map(\.level) == [.error, .warning])
        #expect(own.last?.text == "a warning")
        #expect(own.first?.text.unicodeScalars.contains { $0.value < 0x20 } == false)
    }

    private final class LogLines: @unchecked Sendable {
        private let lock = NSLock()
        private var lines: [PluginLog.Line] = []
        func append(_ line: PluginLog.Line) { lock.withLock { lines.append(line) } }
        var all: [PluginLog.Line] { lock.withLock { lines } }
    }
}
