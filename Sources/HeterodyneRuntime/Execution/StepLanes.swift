// Heterodyne: runs the steps of a program on several devices at the same time.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import Synchronization

/// Runs the steps of a session in lanes, one per device. A run allocates nothing, looks nothing up and polls nothing:
/// before a step that needs what another lane does, its lane sleeps.
///
/// After an error, steps that come later in program order are left out and earlier ones are still done, since one of
/// these may fail too: the error that is thrown is the one that a run without lanes would have ended with.
final class StepLanes {
    private final class State: @unchecked Sendable {
        // Unchecked: `finished`, `failure` and `failedStep` change under the monitor, `times` at places of the step's own.
        let steps: [RunStep]
        let schedule: StepSchedule
        let workspace: Workspace
        let stagings: [Workspace.Staging]
        let monitor = Monitor()
        /// How many steps each lane has finished.
        let finished: UnsafeMutablePointer<Int>
        /// The number of the first step in program order that failed; the largest integer where none did.
        let failedStep = Atomic<Int>(.max)
        var failure: BackendError?
        /// The start and the end of each step, by its number, in a run that is timed.
        let times: UnsafeMutablePointer<ContinuousClock.Instant>
        var isTimed = false

        init(_ steps: [RunStep], _ schedule: StepSchedule, _ workspace: Workspace) {
            self.steps = steps
            self.schedule = schedule
            self.workspace = workspace
            stagings = schedule.lanes.map { _ in Workspace.Staging() }
            finished = .allocate(capacity: schedule.lanes.count)
            finished.initialize(repeating: 0, count: schedule.lanes.count)
            times = .allocate(capacity: 2 * steps.count)
            times.initialize(repeating: .now, count: 2 * steps.count)
        }

        deinit {
            finished.deallocate()
            times.deallocate()
        }

        func run(lane: Int) {
            for (position, item) in schedule.lanes[lane].enumerated() {
                if !item.waits.isEmpty {
                    monitor.lock()
                    for wait in item.waits { while finished[wait.lane] < wait.count { monitor.wait() } }
                    monitor.unlock()
                }
                if item.step < failedStep.load(ordering: .acquiring) { perform(item.step, lane) }
                if item.isAwaited {
                    monitor.lock()
                    finished[lane] = position + 1
                    monitor.wakeAll()
                    monitor.unlock()
                }
            }
        }

        private func perform(_ step: Int, _ lane: Int) {
            if isTimed { times[2 * step] = .now }
            do throws(BackendError) { try workspace.perform(steps[step], stagings[lane]) } catch {
                monitor.lock()
                if step < failedStep.load(ordering: .relaxed) {
                    failedStep.store(step, ordering: .releasing)
                    failure = error
                }
                monitor.unlock()
            }
            if isTimed { times[2 * step + 1] = .now }
        }
    }

    private let state: State
    private let threads: LaneThreads

    /// Lanes for `steps`. Nil where the system gives no more threads.
    init?(_ steps: [RunStep], _ schedule: StepSchedule, _ workspace: Workspace) {
        let state = State(steps, schedule, workspace)
        guard let threads = LaneThreads(lanes: schedule.lanes.count, body: { state.run(lane: $0) }) else { return nil }
        self.state = state
        self.threads = threads
    }

    /// How many lanes there are.
    var count: Int { state.schedule.lanes.count }

    /// Runs all steps. Throws the first error in program order once all lanes are at rest.
    func run() throws(BackendError) {
        // No lane is at work before `threads.run` and after it.
        for lane in state.schedule.lanes.indices { state.finished[lane] = 0 }
        state.failedStep.store(.max, ordering: .relaxed)
        state.failure = nil
        threads.run()
        if let failure = state.failure { throw failure }
    }

    /// Runs all steps and returns when each started and ended, by its number, and in which lane. Throws as `run` does.
    func timedRun() throws(BackendError) -> [(lane: Int, start: ContinuousClock.Instant, end: ContinuousClock.Instant)]
    {
        state.isTimed = true
        defer { state.isTimed = false }
        try run()
        var lanes = [Int](repeating: 0, count: state.steps.count)
        for (lane, items) in state.schedule.lanes.enumerated() {
            for item in items { lanes[item.step] = lane }
        }
        return lanes.enumerated().map { step, lane in (lane, state.times[2 * step], state.times[2 * step + 1]) }
    }
}
