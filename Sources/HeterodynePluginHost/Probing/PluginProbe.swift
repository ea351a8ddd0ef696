// Heterodyne: tries plugins out in child processes, all at the same time.
// SPDX-License-Identifier: Apache-2.0

import CPluginProbe

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Tries plugins out in child processes, all at the same time, so that none can harm this process or make others wait.
struct PluginProbe: Sendable {
    /// Seconds that a plugin may take to answer, without those for which the machine had no processor for it; half as
    /// many again at most.
    var seconds = 2.0
    /// Whether a child is a fresh process of the main program, else a fork of this one. Fresh ones share no locks, threads
    /// or driver state with this process.
    var isFresh = PluginProbe.canStartFresh

    /// Whether a fresh process of the main program reaches the probe: not where this code is in a library that the program
    /// loaded, nor with elevated rights, with which no program lets itself be told to load a library.
    static var canStartFresh: Bool {
        heterodyne_probe_is_in_main_program() != 0 && heterodyne_probe_is_elevated() == 0
    }

    /// A plugin to try.
    struct Request: Sendable, Hashable {
        /// The path of the library.
        var library: String
        /// Libraries that must be loadable.
        var required: [String] = []
    }

    /// Most children at the same time.
    private static let width = 64

    /// What became of each request, in their order. Takes about `seconds` where any does not answer.
    func run(_ requests: [Request]) -> [ProbeReport] {
        var reports: [ProbeReport] = []
        while reports.count < requests.count {
            reports += batch(requests[reports.count..<min(requests.count, reports.count + Self.width)])
        }
        guard isFresh else { return reports }
        // Where the program was started through an emulator or the loader, a fresh process of it is one of these.
        let strangers = reports.indices.filter { reports[$0].isOfAnotherProgram }
        guard !strangers.isEmpty else { return reports }
        var forking = self
        forking.isFresh = false
        for (index, report) in zip(strangers, forking.run(strangers.map { requests[$0] })) { reports[index] = report }
        return reports
    }

    private func batch(_ requests: ArraySlice<Request>) -> [ProbeReport] {
        var children = requests.map { Child(start: $0, isFresh: isFresh) }
        while children.contains(where: { $0.isRunning }) {
            wait(children)
            let now = Self.now
            for index in children.indices where children[index].isRunning {
                children[index].advance(now: now, patience: seconds)
            }
        }
        return children.map(\.report)
    }

    /// Waits until a child writes or may have ended.
    private func wait(_ children: [Child]) {
        var descriptors: [pollfd] = []
        var isClosing = false
        for child in children where child.isRunning {
            if child.recordsAreOpen { descriptors.append(pollfd(fd: child.records, events: Int16(POLLIN), revents: 0)) }
            if child.outputIsOpen { descriptors.append(pollfd(fd: child.output, events: Int16(POLLIN), revents: 0)) }
            // Its pipe is closed, so its end is near, which nothing announces.
            isClosing = isClosing || !child.recordsAreOpen || child.report.answer != nil
        }
        // The result does not matter: whatever it was, the children are looked at.
        _ = poll(&descriptors, nfds_t(descriptors.count), isClosing ? 1 : 20)
    }

    /// Seconds for which a process was ready to run and had no processor (the second number of schedstat, in nanoseconds);
    /// nil where the kernel does not count them.
    static func secondsWaiting(_ pid: pid_t) -> Double? {
        let descriptor = open("/proc/\(pid)/schedstat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = systemRead(descriptor, &bytes, bytes.count)
        let numbers = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
        guard numbers.count >= 2, let nanoseconds = UInt64(numbers[1]) else { return nil }
        return Double(nanoseconds) / 1e9
    }

    /// Seconds on a clock that nobody sets.
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// A child at work.
private struct Child {
    let pid: pid_t
    let records: Int32
    let output: Int32
    var recordsAreOpen = true
    var outputIsOpen = true
    var isRunning: Bool
    var report = ProbeReport()
    /// Bytes that make no whole record yet.
    var pending: [UInt8] = []
    /// When the plugin's time began: when the child's own code was reached.
    var start = PluginProbe.now
    var hasStarted = false
    /// Seconds that a fresh process may take to reach the probe's code, which is no plugin's fault.
    static let startingSeconds = 10.0

    init(start request: PluginProbe.Request, isFresh: Bool) {
        var child = heterodyne_probe_child()
        var failure = Self.start(request, isFresh: isFresh, &child)
        // Without /proc there is no fresh process.
        if failure != 0, isFresh { failure = Self.start(request, isFresh: false, &child) }
        pid = child.pid
        records = child.records
        output = child.output
        isRunning = failure == 0
        if failure != 0 { report.end = .notStarted(failure) }
    }

    private static func start(
        _ request: PluginProbe.Request, isFresh: Bool, _ child: inout heterodyne_probe_child
    ) -> Int32 {
        let names = request.required.map { strdup($0) }
        defer { for name in names { free(name) } }
        // Nothing but names: a failed strdup is no name.
        let pointers: [UnsafePointer<CChar>?] = names.compactMap { $0 }.map { UnsafePointer($0) }
        guard pointers.count == request.required.count else { return ENOMEM }
        return heterodyne_probe_start(
            request.library, pointers, pointers.count, heterodyne_probe_oldest(), heterodyne_probe_newest(),
            isFresh ? 1 : 0, &child)
    }

    /// Reads what there is, and looks whether the child ended or must end.
    mutating func advance(now: Double, patience: Double) {
        // Before the pipes are read: what it wrote before it ended is in them then.
        var value: Int32 = 0
        let state = heterodyne_probe_poll(pid, &value)
        read()
        if report.hasStarted, !hasStarted {
            hasStarted = true
            start = now
        }
        switch heterodyne_probe_end(rawValue: UInt32(state)) {
        case HETERODYNE_PROBE_EXITED: finish(.exited(value), isCollected: false)
        case HETERODYNE_PROBE_SIGNALLED: finish(.signalled(value), isCollected: false)
        case HETERODYNE_PROBE_UNKNOWN: finish(.unknown, isCollected: true)
        default: if isOverdue(now: now, patience: patience) { finish(.timedOut(patience), isCollected: false) }
        }
    }

    /// Whether the child took too long. That it waited for a processor does not count, up to a limit.
    private func isOverdue(now: Double, patience: Double) -> Bool {
        let seconds = now - start
        guard hasStarted else { return seconds >= max(patience, Self.startingSeconds) }
        guard seconds >= patience, seconds < 1.5 * patience else { return seconds >= patience }
        return seconds - (PluginProbe.secondsWaiting(pid) ?? 0) >= patience
    }

    private mutating func finish(_ end: ProbeReport.End, isCollected: Bool) {
        report.end = end
        // Also what the plugin started. Where another part of the process collected the child, its number may be another's.
        if !isCollected { heterodyne_probe_finish(pid) }
        close(records)
        close(output)
        isRunning = false
    }

    private mutating func read() {
        var chunk = [UInt8](repeating: 0, count: 16384)
        // A plugin that never stops writing must not keep this from looking at the others, and at the time.
        var rounds = 0
        while recordsAreOpen, rounds < 64, let count = Self.read(records, &chunk) {
            pending += chunk[..<count]
            if count == 0 || !report.take(records: &pending) { recordsAreOpen = false }
            rounds += 1
        }
        rounds = 0
        while outputIsOpen, rounds < 64, let count = Self.read(output, &chunk) {
            report.take(output: chunk[..<count])
            if count == 0 { outputIsOpen = false }
            rounds += 1
        }
    }

    /// How many bytes were read: 0 at the end; nil where there are none now.
    private static func read(_ descriptor: Int32, _ chunk: inout [UInt8]) -> Int? {
        while true {
            let count = chunk.withUnsafeMutableBytes { systemRead(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 { return count }
            if errno == EINTR { continue }
            return errno == EAGAIN ? nil : 0
        }
    }
}

/// `read`, where a method of that name hides it.
private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}
