// Heterodyne: cases of the ONNX suite in processes of their own.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneConformance
import Synchronization

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A process that runs cases one after the other, so that one that ends it, or does not end, is an error of its own and of
/// no other.
///
/// The process gets the identifier of a case as a line on its standard input and answers with a line: outcome, seconds,
/// largest difference or `-`, and reason, between tabs.
final class ONNXWorker: Sendable {
    private let state: Mutex<WorkerProcess>

    /// A worker that runs this program with `arguments` when it is needed.
    init(_ arguments: [String]) { state = Mutex(WorkerProcess(arguments)) }

    deinit { state.withLock { _ = $0.stop(killing: false) } }

    /// What came of a case.
    enum Answer {
        /// The line that the process answered with.
        case line(String)
        /// Why there is none.
        case none(String)
    }

    /// Has the process run the case `id`, at most `timeLimit` seconds.
    func run(_ id: String, timeLimit: Double) -> Answer { state.withLock { $0.run(id, timeLimit) } }
}

/// The process of a worker.
private struct WorkerProcess {
    private let arguments: [String]
    private var process: pid_t = 0
    private var input: Int32 = -1
    private var output: Int32 = -1

    init(_ arguments: [String]) { self.arguments = arguments }

    mutating func run(_ id: String, _ timeLimit: Double) -> ONNXWorker.Answer {
        if process == 0, let problem = start() { return .none(problem) }
        let line = Array((id + "\n").utf8)
        guard write(input, line, line.count) == line.count else { return .none(ending()) }
        var answer: [UInt8] = []
        let deadline = ContinuousClock.now + .milliseconds(Int((min(timeLimit, 86_400) * 1000).rounded()))
        while true {
            let left = ContinuousClock.now.duration(to: deadline).components
            let milliseconds = left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000
            var state = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            let ready = milliseconds > 0 ? poll(&state, 1, Int32(clamping: milliseconds)) : 0
            if ready < 0 && errno == EINTR { continue }
            guard ready > 0 else {
                stop(killing: true)
                return .none("took longer than \(timeLimit) seconds")
            }
            var chunk = [UInt8](repeating: 0, count: 4096)
            let count = read(output, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return .none(ending()) }
            answer.append(contentsOf: chunk[..<count])
            if answer.last == UInt8(ascii: "\n") { return .line(String(decoding: answer.dropLast(), as: UTF8.self)) }
        }
    }

    /// One process starts at a time: none may inherit the pipes of another, whose end would then not be seen.
    private static let starting = Mutex(())

    /// Starts the process; says why where that is not possible.
    private mutating func start() -> String? { Self.starting.withLock { _ in spawn() } }

    private mutating func spawn() -> String? {
        var toChild: [Int32] = [-1, -1]
        var fromChild: [Int32] = [-1, -1]
        guard pipe(&toChild) == 0, pipe(&fromChild) == 0 else {
            let reason = String(cString: strerror(errno))
            for descriptor in toChild + fromChild where descriptor >= 0 { close(descriptor) }
            return "cannot make a pipe: \(reason)"
        }
        for descriptor in toChild + fromChild { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild[0], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], STDOUT_FILENO)
        // The reason is in the result; the runtime's own report of a trap takes seconds.
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("SWIFT_BACKTRACE=enable=no")]
        var entry = environ
        while let variable = entry.pointee {
            if strncmp(variable, "SWIFT_BACKTRACE=", 16) != 0 { environment.append(strdup(variable)) }
            entry += 1
        }
        environment.append(nil)
        var words: [UnsafeMutablePointer<CChar>?] = (["heterodyne"] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for pointer in words + environment { free(pointer) } }
        let status = posix_spawn(&process, "/proc/self/exe", &actions, nil, words, environment)
        close(toChild[0])
        close(fromChild[1])
        guard status == 0 else {
            process = 0
            close(toChild[1])
            close(fromChild[0])
            return "cannot start a process: \(String(cString: strerror(status)))"
        }
        (input, output) = (toChild[1], fromChild[0])
        return nil
    }

    /// How the process ended, which has closed its output.
    private mutating func ending() -> String {
        let status = stop(killing: false)
        // As the macros WIFSIGNALED and WEXITSTATUS.
        let signal = status & 0x7F
        if signal == 0 { return "the process ended with status \(status >> 8 & 0xFF) and no result" }
        return "the process was ended by signal \(signal) (\(String(cString: strsignal(signal))))"
    }

    /// Ends the process and returns its wait status.
    @discardableResult
    mutating func stop(killing: Bool) -> Int32 {
        guard process != 0 else { return 0 }
        if killing { kill(process, SIGKILL) }
        close(input)
        close(output)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        process = 0
        return status
    }
}

extension ONNXCaseResult {
    /// The line that a worker answers with.
    var line: String {
        let text = (reason ?? "").map { $0.isNewline || $0 == "\t" ? " " : $0 }
        return "\(outcome.rawValue)\t\(seconds)\t\(largestDifference.map { "\($0)" } ?? "-")\t\(String(text))"
    }

    /// The result that a worker wrote as `line`.
    init?(_ test: ONNXCase, device: String, line: String) {
        let columns = line.split(separator: "\t", maxSplits: 3, omittingEmptySubsequences: false)
        guard columns.count == 4, let outcome = Outcome(rawValue: String(columns[0])), let seconds = Double(columns[1])
        else { return nil }
        self.init(test, device: device, outcome, columns[3].isEmpty ? nil : String(columns[3]))
        self.seconds = seconds
        largestDifference = Double(columns[2])
    }
}
