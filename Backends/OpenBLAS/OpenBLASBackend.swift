// Heterodyne: the CPU backend for real work: products through OpenBLAS, everything else through the host kernels.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph
import HeterodyneHostKernels

/// The CPU backend for real work: float matrix products through OpenBLAS, everything else through the host kernels.
///
/// `libopenblas` is loaded when the backend is first used, so that a machine without it gets a diagnosis.
public struct OpenBLASBackend: Backend {
    /// The identifier of the one device.
    public static let deviceID = "openblas"

    /// `openblas`.
    public let name = "openblas"
    private let libraryNames: [String]?

    /// The backend. `libraries` are the names or paths to load OpenBLAS from, in order; nil for the usual ones, or for
    /// what the environment variable `HETERODYNE_OPENBLAS_LIBRARY` names.
    public init(libraries: [String]? = nil) { libraryNames = libraries }

    private func library() throws(BackendError) -> OpenBLASLibrary {
        try OpenBLASLibrary.load(libraryNames ?? OpenBLASLibrary.names)
    }

    /// The processor as the device `openblas`, or why it cannot be used.
    public func discover() -> DeviceListing {
        do throws(BackendError) { return DeviceListing(devices: [Self.descriptor(try library())]) } catch {
            return DeviceListing(unavailable: [
                UnavailableDevice(
                    id: Self.deviceID, backend: name, reason: error.message, remedy: OpenBLASLibrary.remedy)
            ])
        }
    }

    private static func descriptor(_ library: OpenBLASLibrary) -> DeviceDescriptor {
        let processor = HostMachine.processor
        let memory = HostMachine.memory
        let level = HostMachine.kernelLevel
        return DeviceDescriptor(
            id: deviceID, backend: "openblas", kind: .cpu, name: processor.name, vendor: processor.vendor,
            threads: HostMachine.threads, memoryByteCount: memory.total, freeMemoryByteCount: memory.available,
            versions: ["OpenBLAS": library.version],
            details: [
                "OpenBLAS kernels": library.core, "OpenBLAS configuration": library.configuration,
                "OpenBLAS library": library.name, "host kernels": level,
            ],
            fingerprint: [processor.vendor, processor.name, library.configuration, library.core, level]
                .joined(separator: "|"))
    }

    private func check(_ device: String) throws(BackendError) {
        guard device == Self.deviceID else {
            throw BackendError(
                .deviceUnavailable, "the backend openblas has one device, '\(Self.deviceID)'", device: device)
        }
    }

    /// What the processor can do: every primitive in every scalar type.
    public func capabilities(of device: String) throws(BackendError) -> Capabilities {
        try check(device)
        _ = try library()
        return OpenBLASCapabilities.make()
    }

    /// Host memory, aligned for every kernel.
    public func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
        try check(device)
        return try HostBuffer(byteCount: byteCount)
    }

    /// Refers to the bytes without copying them.
    public func importing(_ storage: LiteralStorage, on device: String) throws(BackendError) -> any Buffer {
        try check(device)
        return HostBuffer(sharing: storage)
    }

    /// Lowers the graph to a flat list of steps.
    public func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        try check(device)
        let library = try library()
        let options = HostProgramOptions(
            blas: library.blas, prefersOwnProducts: library.isNarrowerThanHost, device: device)
        return try HostProgram(unit, options: options)
    }

    /// Every primitive is native; composites are where a kernel takes their types and shapes.
    public func support(for node: NodeSignature, on device: String) -> Support {
        do throws(BackendError) {
            try check(device)
            _ = try library()
        } catch { return .unsupported(reason: error.message) }
        return HostSupport.support(for: node)
    }
}
