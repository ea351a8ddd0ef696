// Heterodyne: the process's runtime; the only place that lists the built-in backends.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneOpenBLAS
import HeterodyneReference
public import HeterodyneRuntime
import HeterodyneVulkan

extension Runtime {
    /// The runtime that tensors use: every built-in backend, fastest first, and the reference evaluator for constants.
    public static let shared = Runtime(
        registry: DeviceRegistry([OpenBLASBackend(), VulkanBackend(), ReferenceBackend()]),
        evaluator: ReferenceEvaluator())
}
