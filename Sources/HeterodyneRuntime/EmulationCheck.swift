// Heterodyne: finds out once per device whether emulated float64 can rest on its arithmetic.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import Synchronization

/// Finds out whether emulated float64 can rest on the arithmetic of a device, by running `EmulationSelfTest` there as programs are
/// run: fused, uncontracted. What was found is remembered by the device's fingerprint, which names its driver too.
final class EmulationCheck: Sendable {
    private enum Verdict: Sendable {
        case passed
        case failed(reason: String)
    }

    private let verdicts = Mutex<[String: Verdict]>([:])

    /// Why the device may not emulate, for people; nil where it may. Throws what compiling and running throw.
    func refusal(of device: Device, _ target: CompilationTarget) throws(HeterodyneError) -> String? {
        let fingerprint = device.descriptor.fingerprint
        let known = verdicts.withLock { $0[fingerprint] }
        let verdict: Verdict
        if let known {
            verdict = known
        } else {
            verdict = try test(device, target)
            verdicts.withLock { $0[fingerprint] = verdict }
        }
        switch verdict {
        case .passed: return nil
        case .failed(let reason): return reason
        }
    }

    private func test(_ device: Device, _ target: CompilationTarget) throws(HeterodyneError) -> Verdict {
        let test = try liftingGraph { () throws(GraphError) in try EmulationSelfTest() }
        var options = ProgramOptions()
        options.compiler.arithmetic = .uncontracted
        options.compiler.recognizes = false
        options.label = "self-test of emulated float64"
        // No evaluator: what is tested is the device.
        let compiler = Compiler(targets: [target], options: options.compiler)
        let compiled = try liftingGraph { () throws(GraphError) in
            try compiler.compile(test.graph, label: options.label)
        }
        let results = try Program(compiled, devices: [device], options: options).call(test.inputs)
        let failure = try liftingGraph { () throws(GraphError) in try test.firstFailure(in: results) }
        guard let failure else { return .passed }
        return .failed(
            reason:
                "\(device.id) must not compute float64 as pairs of float32, since its arithmetic breaks them: \(failure)"
        )
    }
}
