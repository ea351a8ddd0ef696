// Heterodyne: a line on a terminal that says what takes so long.
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import HeterodyneModels
import Synchronization

/// Shows what is being done, and for how long, once it takes more than a second; nothing where standard error is no
/// terminal.
final class ProgressLine: Sendable {
    private struct State {
        var phase = ""
        var fraction: Double?
        var started = ContinuousClock.now
        var isShown = false
    }

    private let state = Mutex(State())
    // Made in `init` and only cancelled afterwards, which any thread may do.
    nonisolated(unsafe) private let timer: (any DispatchSourceTimer)?

    init() {
        guard isatty(STDERR_FILENO) == 1 else {
            timer = nil
            return
        }
        let timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
        self.timer = timer
        timer.schedule(deadline: .now() + 1, repeating: .milliseconds(200))
        timer.setEventHandler { [weak self] in self?.draw() }
        timer.resume()
    }

    /// From now on, `phase` is being done; `fraction` of it, where that is known.
    func show(_ phase: String, fraction: Double? = nil) {
        state.withLock { state in
            if state.phase != phase { state.started = .now }
            state.phase = phase
            state.fraction = fraction
        }
    }

    /// From now on, the model at `path` is at `progress`.
    func show(_ progress: ModelProgress, of path: String, on device: String) {
        switch progress {
        case .importing(let done, let total):
            show("importing \(path)", fraction: Double(done) / Double(max(1, total)))
        case .compiling(let done, let total):
            show("compiling for \(device)", fraction: total > 1 ? Double(done) / Double(total) : nil)
        case .running: show("running on \(device)")
        }
    }

    private func draw() {
        state.withLock { state in
            let elapsed = ContinuousClock.now - state.started
            guard !state.phase.isEmpty, elapsed > .seconds(1) else { return }
            state.isShown = true
            let seconds = Int(elapsed.components.seconds)
            var bar = ""
            if let fraction = state.fraction {
                let filled = Int(max(0, min(1, fraction)) * 30)
                bar = " [" + String(repeating: "#", count: filled) + String(repeating: " ", count: 30 - filled) + "]"
            }
            printError("\r\u{1B}[K\(state.phase)\(bar) \(seconds) s", terminator: "")
        }
    }

    /// Takes the line away.
    func finish() {
        timer?.cancel()
        state.withLock { state in
            if state.isShown { printError("\r\u{1B}[K", terminator: "") }
            state.phase = ""
        }
    }
}
