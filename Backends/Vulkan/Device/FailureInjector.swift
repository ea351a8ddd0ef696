// Heterodyne: makes chosen Vulkan calls fail, so that tests reach every path of failure.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import Synchronization

/// Makes the n-th call of a kind fail with a chosen result, without making the call.
final class FailureInjector: Sendable {
    /// Kinds of calls.
    enum Site: Hashable, Sendable, CaseIterable {
        case allocation
        case buffer
        case map
        case pipeline
        case descriptors
        case commands
        case submit
        case wait
    }

    private struct State {
        var site: Site?
        var remaining = 0
        var times = 0
        var result: Int32 = 0
        var counts: [Site: Int] = [:]
    }

    private let state = Mutex(State())
    private let live = Atomic<Int>(0)

    /// Vulkan objects that exist on devices with this injector.
    var liveObjectCount: Int { live.load(ordering: .relaxed) }
    /// Counts an object that was made.
    func created() { live.add(1, ordering: .relaxed) }
    /// Counts an object that is gone.
    func destroyed() { live.subtract(1, ordering: .relaxed) }

    /// Lets `skipping` calls of the kind pass and makes the next `times` fail.
    func fail(_ site: Site, skipping: Int = 0, times: Int = 1, with result: VkResult) {
        state.withLock {
            $0.site = site
            $0.remaining = skipping
            $0.times = times
            $0.result = result.rawValue
        }
    }

    /// Lets everything pass, and starts counting anew.
    func reset() { state.withLock { $0 = State() } }

    /// Calls of the kind since `reset`, failed ones included.
    func count(_ site: Site) -> Int { state.withLock { $0.counts[site] ?? 0 } }

    /// The result to pretend, or nil to make the call.
    func next(_ site: Site) -> VkResult? {
        state.withLock {
            $0.counts[site, default: 0] += 1
            guard $0.site == site else { return nil }
            guard $0.remaining == 0 else {
                $0.remaining -= 1
                return nil
            }
            $0.times -= 1
            if $0.times <= 0 { $0.site = nil }
            return VkResult(rawValue: $0.result)
        }
    }
}
