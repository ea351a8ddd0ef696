// Heterodyne: how fast a device is, as data for the cost model.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

/// How fast a device computes, reads its memory, starts work and exchanges data with the host. Every figure says whether
/// it was measured or assumed.
public struct DeviceProfile: Sendable, Hashable {
    /// Where a figure comes from.
    public enum Source: String, Sendable, Hashable, CaseIterable {
        /// It was measured on the device.
        case measured
        /// It is what such devices do, roughly.
        case assumed
    }

    /// A number and where it comes from.
    public struct Figure: Sendable, Hashable {
        /// The number: seconds, or something per second.
        public var value: Double
        /// Where it comes from.
        public var source: Source

        /// A figure. What is no positive finite number becomes the smallest or largest that a cost can be made of.
        public init(_ value: Double, _ source: Source) {
            self.value = value.isNaN ? 1 : min(max(value, 1e-12), 1e18)
            self.source = source
        }
    }

    /// The kinds of arithmetic that run at rates of their own.
    public typealias Work = NodeWork.Kind

    /// One way between host and device.
    public struct Link: Sendable, Hashable {
        /// Seconds until the first byte has arrived.
        public var latency: Figure
        /// Bytes per second from then on.
        public var bytesPerSecond: Figure

        /// A link.
        public init(latency: Figure, bytesPerSecond: Figure) {
            self.latency = latency
            self.bytesPerSecond = bytesPerSecond
        }

        /// Seconds that so many bytes take.
        public func seconds(_ bytes: Double) -> Double { latency.value + bytes / bytesPerSecond.value }
    }

    /// Operations per second by kind and scalar type. float32 stands in for types that are not listed.
    public var operations: [Work: [ScalarType: Figure]]
    /// Bytes of device memory read or written per second.
    public var memory: Figure
    /// Seconds to start a program, whatever it does.
    public var launch: Figure
    /// Seconds that each further step of a program takes at least.
    public var step: Figure
    /// From the host to the device.
    public var upload: Link
    /// From the device to the host.
    public var download: Link

    /// A profile.
    public init(
        operations: [Work: [ScalarType: Figure]], memory: Figure, launch: Figure, step: Figure, upload: Link,
        download: Link
    ) {
        self.operations = operations
        self.memory = memory
        self.launch = launch
        self.step = step
        self.upload = upload
        self.download = download
    }

    /// Whether the figures that every cost is made of were measured.
    public var isMeasured: Bool { memory.source == .measured && launch.source == .measured }

    /// Operations per second. A type that has no figure runs as float32 does, at half the rate where it is twice as wide.
    public func rate(_ work: Work, _ type: ScalarType) -> Figure {
        if let known = operations[work]?[type] { return known }
        guard let base = operations[work]?[.float32] else { return Figure(memory.value / 4, .assumed) }
        return Figure(type.bitWidth > 32 ? base.value / 2 : base.value, .assumed)
    }

    /// The figures as the rates of `Capabilities`, in a fixed order.
    public var rates: [Rate] {
        var rates: [Rate] = []
        for work in Work.allCases {
            for (type, figure) in (operations[work] ?? [:]).sorted(by: { $0.key.name < $1.key.name }) {
                rates.append(
                    Rate(what: "\(type) \(work.rawValue)", perSecond: figure.value, source: figure.source.rawValue))
            }
        }
        func add(_ what: String, _ figure: Figure, isSeconds: Bool = false) {
            let value = isSeconds ? 1 / figure.value : figure.value
            rates.append(Rate(what: what, perSecond: value, source: figure.source.rawValue))
        }
        add("memory bytes", memory)
        add("bytes to the device", upload.bytesPerSecond)
        add("bytes from the device", download.bytesPerSecond)
        add("launches", launch, isSeconds: true)
        add("steps", step, isSeconds: true)
        return rates
    }
}

// MARK: - What is assumed

extension DeviceProfile {
    /// What devices of a kind do, roughly: for devices that nobody measured. Only the order of magnitude is meant.
    ///
    /// A processor thread is taken to multiply and add 16 float32 per clock at 1.5 GHz when it multiplies matrices and to
    /// reach a tenth of that elsewhere; a graphics processor to have 5 TFLOP/s and 300 GB/s, a tenth of both where it
    /// shares the host's memory. What is emulated in software is a fifth as fast as a processor.
    public static func assumed(
        kind: DeviceDescriptor.Kind, isSoftware: Bool = false, threads: Int = 1, hasUnifiedMemory: Bool = true
    ) -> DeviceProfile {
        let lanes = Double(min(max(threads, 1), 1024))
        let contraction: Double
        let memory: Double
        let launch: Double
        switch kind {
        case .cpu, .other: (contraction, memory, launch) = (4.8e10 * lanes, 8e9 + 2e9 * lanes, 5e-6)
        case .integratedGPU: (contraction, memory, launch) = (5e11, 3e10, 3e-5)
        case .discreteGPU, .accelerator: (contraction, memory, launch) = (5e12, 3e11, 3e-5)
        }
        let scale = isSoftware ? 0.2 : 1
        func all(_ value: Double) -> [ScalarType: Figure] { [.float32: Figure(value * scale, .assumed)] }
        let link = Link(
            latency: Figure(hasUnifiedMemory ? 1e-6 : 1e-5, .assumed),
            bytesPerSecond: Figure(hasUnifiedMemory ? memory * scale / 2 : 8e9, .assumed))
        return DeviceProfile(
            operations: [
                .contraction: all(contraction), .elementwise: all(contraction / 10),
                .transcendental: all(contraction / 50), .reduction: all(contraction / 10),
            ],
            memory: Figure(memory * scale, .assumed), launch: Figure(launch, .assumed),
            step: Figure(launch / 5, .assumed), upload: link, download: link)
    }

    /// What is assumed of a device by its description and capabilities.
    public static func assumed(_ descriptor: DeviceDescriptor, _ capabilities: Capabilities) -> DeviceProfile {
        // A graphics processor made of software runs on the host's threads, whatever kind it says that it is.
        assumed(
            kind: descriptor.isSoftware ? .cpu : descriptor.kind, isSoftware: descriptor.isSoftware,
            threads: descriptor.threads, hasUnifiedMemory: capabilities.hasUnifiedMemory)
    }

    /// The profile with every rate of computing multiplied; for interpreters and other slow stand-ins.
    public func scaled(by factor: Double) -> DeviceProfile {
        var copy = self
        copy.operations = operations.mapValues { $0.mapValues { Figure($0.value * factor, $0.source) } }
        copy.memory = Figure(memory.value * factor, memory.source)
        copy.step = Figure(step.value / factor, step.source)
        return copy
    }
}
