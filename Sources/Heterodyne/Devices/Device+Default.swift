// Heterodyne: finding devices by name, and the device that tensors are computed on.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneRuntime

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

extension Device {
    /// The device called `id`, for instance `openblas`. Throws `deviceUnavailable` with the reason and what to do.
    public init(_ id: String) throws(HeterodyneError) {
        do { self = try Runtime.shared.registry.device(id) } catch { throw .backend(error) }
    }

    /// Every device that can be used, fastest backend first.
    public static var all: [Device] { Runtime.shared.registry.devices }

    /// What was looked for and cannot be used, with reasons.
    public static var unavailable: [UnavailableDevice] { Runtime.shared.registry.unavailable }

    @TaskLocal private static var taskDefault: Device?

    /// The device that tensors of this task are computed on: what `withDefault` set, else the device named by
    /// `HETERODYNE_DEVICE`, else the first of `all`. Throws `deviceUnavailable`.
    public static var current: Device {
        get throws(HeterodyneError) {
            if let taskDefault { return taskDefault }
            if let name = getenv("HETERODYNE_DEVICE"), let id = String(validatingCString: name), !id.isEmpty {
                return try Device(id)
            }
            guard let first = all.first(where: { !$0.descriptor.isSimulated }) else {
                throw .backend(BackendError(.deviceUnavailable, "no device can be used; run devquery for the reasons"))
            }
            return first
        }
    }

    /// `device`, or the current one for nil.
    static func resolved(_ device: Device?) throws(HeterodyneError) -> Device {
        if let device { device } else { try current }
    }

    /// Runs `body` with `device` as the device that tensors are computed on.
    public static func withDefault<Result, Failure: Error>(
        _ device: Device, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let outcome = $taskDefault.withValue(device) { () -> Swift.Result<Result, Failure> in
            do throws(Failure) { return .success(try body()) } catch { return .failure(error) }
        }
        return try outcome.get()
    }

    /// Runs asynchronous `body` with `device` as the device that tensors are computed on.
    public static func withDefault<Result>(
        _ device: Device, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
    ) async rethrows -> Result {
        try await $taskDefault.withValue(device, operation: body)
    }
}
