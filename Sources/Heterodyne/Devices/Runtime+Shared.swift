// Heterodyne: the process's runtime; the only place that lists the built-in backends.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneOpenBLAS
import HeterodynePluginHost
import HeterodyneReference
public import HeterodyneRuntime
import HeterodyneVulkan

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

extension Runtime {
    /// The runtime that tensors use: every built-in backend, fastest first, the plugins that are
    /// installed, and the reference evaluator for constants.
    /// `HETERODYNE_MASK` hides scalar types of devices (`DeviceMask.parse`).
    public static let shared = Runtime(
        registry: DeviceRegistry(
            [OpenBLASBackend(), VulkanBackend(), ReferenceBackend()], sources: [InstalledPlugins()],
            masking: getenv("HETERODYNE_MASK").flatMap { String(validatingCString: $0) }),
        evaluator: ReferenceEvaluator())
}
