// Heterodyne: runs cases of the ONNX suite on a device.
// SPDX-License-Identifier: Apache-2.0

import Dispatch
public import HeterodyneBackend
public import HeterodyneModels
import HeterodyneONNX
public import HeterodyneRuntime
import Synchronization

/// Runs cases of the ONNX suite on one device, without fallback to another unless some are named.
public struct ONNXCaseRunner: Sendable {
    /// What is measured.
    public let device: Device
    /// How models are run.
    public let options: ModelOptions
    private let runtime: Runtime

    /// A runner on `device`, for which `fallbacks` may stand in; `evaluator` computes constants.
    public init(
        on device: Device, fallbacks: [Device] = [], evaluator: any Evaluator, options: ModelOptions = ModelOptions()
    ) {
        self.device = device
        var options = options
        options.program.fallbacks = .devices(fallbacks.map(\.id))
        self.options = options
        let others = fallbacks.map(\.backend).filter { $0.name != device.backend.name }
        // No case is compiled twice.
        runtime = Runtime(registry: DeviceRegistry([device.backend] + others), evaluator: evaluator, cacheCapacity: 1)
    }

    /// Runs `test` in this thread.
    public func run(_ test: ONNXCase) -> ONNXCaseResult {
        let start = ContinuousClock.now
        var result = ONNXCaseResult(test, device: device.id, .passed)
        do throws(Failure) { try check(test) } catch {
            result.outcome = error.outcome
            result.reason = error.reason.replacing(test.folder + "/", with: "")
            result.largestDifference = error.largestDifference
        }
        if let reason = ONNXExceptions.notTests[test.id] {
            // Other numbers are no news; another shape would be.
            let other = result.largestDifference == nil ? result.reason : nil
            result.reason = reason + (other.map { " [\(result.outcome.rawValue): \($0)]" } ?? "")
            result.largestDifference = nil
            result.outcome = .notATest
        }
        result.seconds = start.seconds
        return result
    }

    /// Why a case did not pass.
    private struct Failure: Error {
        var outcome: ONNXCaseResult.Outcome
        var reason: String
        var largestDifference: Double?

        init(_ mismatch: ONNXComparison.Mismatch) {
            (outcome, reason, largestDifference) = (.failed, mismatch.description, mismatch.largestDifference)
        }

        init(_ what: String, _ error: some Error) {
            (outcome, reason) = (.error, "\(what): \(error)")
        }

        /// An error of a model with the given operators.
        init(_ error: ModelError, _ operators: [String]) {
            (outcome, reason) = (.error, "\(error)")
            guard case .onnx(let cause) = error, cause.kind == .unsupportedOperator else { return }
            for name in operators {
                if let reason = ONNXExceptions.declinedOperators[name] {
                    (outcome, self.reason) = (.declined, "\(name) \(reason)")
                    return
                }
            }
        }
    }

    private func check(_ test: ONNXCase) throws(Failure) {
        var inputs: [String: ONNXData] = [:]
        var expected: [ONNXData] = []
        let model: ONNXModel
        do throws(ONNXError) { model = try ONNXModel.load(test.modelPath) } catch {
            throw Failure("the model cannot be read", error)
        }
        do throws(ONNXError) {
            // Up to version 3 of the format, initializers are inputs too.
            let constants = Set(model.graph.initializers.map(\.name) + model.graph.sparseInitializers.map(\.name))
            let fed = model.graph.inputs.filter { !constants.contains($0.name) }
            guard fed.count == test.inputCount, model.graph.outputs.count == test.outputCount else {
                throw ONNXError(
                    .missingPart,
                    "the model has \(fed.count) inputs and \(model.graph.outputs.count) outputs; the index of the suite "
                        + "has \(test.inputCount) and \(test.outputCount)")
            }
            for (index, input) in fed.enumerated() {
                inputs[input.name] = try ONNXData.load(test.inputPath(index), as: input.type)
            }
            for (index, output) in model.graph.outputs.enumerated() {
                expected.append(try ONNXData.load(test.outputPath(index), as: output.type))
            }
        } catch { throw Failure("the values of the case cannot be read", error) }
        let outputs: [(name: String, data: ONNXData)]
        do throws(ModelError) {
            outputs = try ModelRunner(model, on: device, runtime: runtime, options: options).run(inputs)
        } catch { throw Failure(error, test.operators) }
        let comparison = ONNXComparison(
            relativeTolerance: test.relativeTolerance, absoluteTolerance: test.absoluteTolerance)
        do throws(ONNXComparison.Mismatch) { try comparison.compare(outputs, expected) } catch { throw Failure(error) }
    }

    /// Runs every case of `suite` in this process.
    ///
    /// - Parameters:
    ///   - suite: The cases.
    ///   - threads: How many cases run at the same time.
    ///   - timeLimit: Seconds after which a case is given up and counts as an error. Its thread goes on until it ends by
    ///     itself; nothing can stop it from outside.
    ///   - progress: Called after each case, one call at a time, with its result and the number of cases done.
    public func run(
        _ suite: ONNXSuite, threads: Int = 2, timeLimit: Double = 60,
        progress: @escaping @Sendable (ONNXCaseResult, Int) -> Void = { _, _ in }
    ) -> ONNXReport {
        suite.run(on: device, threads: threads, progress: progress) { test, _ in limited(test, timeLimit) }
    }

    /// Runs `test` in a thread of its own and waits for it, not longer than `timeLimit` seconds.
    private func limited(_ test: ONNXCase, _ timeLimit: Double) -> ONNXCaseResult {
        final class Outcome: Sendable {
            let result = Mutex<ONNXCaseResult?>(nil)
            let isDone = DispatchSemaphore(value: 0)
        }
        let outcome = Outcome()
        DispatchQueue(label: "onnx-case").async {
            let result = run(test)
            outcome.result.withLock { $0 = result }
            outcome.isDone.signal()
        }
        // Whole milliseconds, at most a day.
        let milliseconds = Int((min(max(timeLimit, 0), 86_400) * 1000).rounded())
        if outcome.isDone.wait(timeout: .now() + .milliseconds(milliseconds)) == .success,
            let result = outcome.result.withLock({ $0 }), result.seconds <= timeLimit
        {
            return result
        }
        var result = ONNXCaseResult(test, device: device.id, .error, "took longer than \(timeLimit) seconds")
        result.seconds = timeLimit
        return result
    }
}

extension ONNXSuite {
    /// Runs every case by `body`.
    ///
    /// - Parameters:
    ///   - device: What is measured.
    ///   - threads: How many cases run at the same time.
    ///   - progress: Called after each case, one call at a time, with its result and the number of cases done.
    ///   - body: Runs a case; called with the number of the thread, 0 to `threads` - 1.
    public func run(
        on device: Device, threads: Int, progress: @escaping @Sendable (ONNXCaseResult, Int) -> Void = { _, _ in },
        _ body: @Sendable (ONNXCase, Int) -> ONNXCaseResult
    ) -> ONNXReport {
        let start = ContinuousClock.now
        struct State {
            var next = 0
            var done = 0
            var results: [ONNXCaseResult?]
        }
        let state = Mutex(State(results: Array(repeating: nil, count: cases.count)))
        DispatchQueue.concurrentPerform(iterations: max(1, min(threads, cases.count))) { thread in
            while true {
                let index = state.withLock { state in
                    defer { state.next += 1 }
                    return state.next
                }
                guard index < cases.count else { return }
                let result = body(cases[index], thread)
                state.withLock { state in
                    state.results[index] = result
                    state.done += 1
                    progress(result, state.done)
                }
            }
        }
        return ONNXReport(
            device: device.descriptor, version: version, results: state.withLock { $0.results.compactMap(\.self) },
            seconds: start.seconds)
    }
}

extension ContinuousClock.Instant {
    /// Seconds from here to now.
    fileprivate var seconds: Double {
        let components = duration(to: .now).components
        return Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
