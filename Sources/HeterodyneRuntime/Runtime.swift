// Heterodyne: compiles graphs for devices and remembers the programs.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneCompiler
public import HeterodyneGraph
public import Logging
import Synchronization

/// The user's wishes for one program.
public struct ProgramOptions: Sendable, Hashable {
    /// Wishes for the passes.
    public var compiler = CompilerOptions()
    /// Indices of inputs whose buffers the program may overwrite.
    public var donatedInputs: Set<Int> = []
    /// Devices to fall back to for nodes that the device asked for does not run.
    public var fallbacks = FallbackDevices.automatic
    /// For reports and profiles.
    public var label = "graph"

    /// The defaults: no donated inputs; any device may stand in, which the report tells.
    public init() {}
}

/// The devices that may stand in for nodes that the device asked for does not run.
public enum FallbackDevices: Sendable, Hashable, ExpressibleByArrayLiteral {
    /// Every other device, in the order of the registry.
    case automatic
    /// These, in order, by their identifiers. None: such nodes are errors.
    case devices([String])

    /// The devices with these identifiers, in order.
    public init(arrayLiteral elements: String...) { self = .devices(elements) }
}

/// Compiles graphs for devices and remembers the programs.
public final class Runtime: Sendable {
    /// The backends and devices.
    public let registry: DeviceRegistry
    /// Evaluates constants at compile time.
    public let evaluator: (any Evaluator)?
    private let logger: Logger
    private let cache: Mutex<ProgramCache>
    /// How fast devices are.
    let profiles: ProfileStore
    /// Held while a device is measured.
    let calibrating = Mutex<Void>(())
    /// Which devices may emulate float64.
    private let emulationCheck = EmulationCheck()

    /// A runtime over the given devices. `cacheCapacity` programs are remembered. How fast devices are is kept in files
    /// of `profileFolder`; without it, in `$HETERODYNE_CACHE`, `$XDG_CACHE_HOME/heterodyne` or `~/.cache/heterodyne`.
    public init(
        registry: DeviceRegistry, evaluator: (any Evaluator)?, cacheCapacity: Int = 256,
        profileFolder: String? = nil, logger: Logger = Logger(label: "heterodyne")
    ) {
        self.registry = registry
        self.evaluator = evaluator
        self.logger = logger
        profiles = ProfileStore(folder: profileFolder ?? ProfileStore.defaultFolder)
        cache = Mutex(ProgramCache(capacity: max(1, cacheCapacity)))
    }

    /// The program of `graph` for `device`: remembered, or compiled now. Throws for symbolic shapes, for nodes that no
    /// allowed device runs, and what the backend throws.
    public func program(
        for graph: Graph, on device: Device, options: ProgramOptions = ProgramOptions()
    ) throws(HeterodyneError) -> Program {
        let key = ProgramCache.Key(
            graph: graph, devices: [device.id], fingerprints: [device.descriptor.fingerprint],
            profiles: [profiles.remembered(device.descriptor)].compactMap(\.self), set: nil, options: options)
        return try remembered(key) { () throws(HeterodyneError) in try compile(graph, on: device, options: options) }
    }

    /// The program of a key, made with `body` where none is remembered.
    func remembered(
        _ key: ProgramCache.Key, _ body: () throws(HeterodyneError) -> Program
    ) throws(HeterodyneError) -> Program {
        if let known = cache.withLock({ $0.find(key) }) { return known }
        let program = try body()
        return cache.withLock { $0.insert(program, for: key) }
    }

    /// Compiles `graph` for `device` without remembering the program.
    public func compile(
        _ graph: Graph, on device: Device, options: ProgramOptions = ProgramOptions()
    ) throws(HeterodyneError) -> Program {
        try graphIsSound(graph)
        switch options.fallbacks {
        case .devices(let ids):
            var devices = [device]
            for id in ids where id != device.id {
                devices.append(try liftingBackend { () throws(BackendError) in try registry.device(id) })
            }
            return try compile(graph, on: devices, options: options)
        case .automatic:
            // Others are looked for, which may open drivers, only where the device cannot do it alone. Strict compilation
            // then says which fallback it refuses.
            do { return try compile(graph, on: [device], options: options) } catch {
                guard case .graph(let refusal) = error, refusal.kind == .unsupported else {
                    throw error
                }
                let others = registry.devices.filter { $0 != device && !$0.descriptor.isSimulated }
                guard !others.isEmpty else { throw error }
                return try compile(graph, on: [device] + others, options: options)
            }
        }
    }

    private func graphIsSound(_ graph: Graph) throws(HeterodyneError) {
        try liftingGraph { () throws(GraphError) in try graph.verify() }
    }

    private func compile(
        _ graph: Graph, on devices: [Device], options: ProgramOptions
    ) throws(HeterodyneError) -> Program {
        // Nothing is measured for one device and those that stand in for it; what is known is used.
        let profiles = devices.map { self.profiles.remembered($0.descriptor) ?? assumedProfile(of: $0) }
        return try compile(graph, on: devices, profiles, options: options)
    }

    /// Compiles `graph` for devices of the given speeds.
    func compile(
        _ graph: Graph, on devices: [Device], _ profiles: [DeviceProfile], options: ProgramOptions
    ) throws(HeterodyneError) -> Program {
        try finish(try lower(graph, for: devices, profiles, options: options), on: devices, options: options)
    }

    /// Runs the passes.
    func lower(
        _ graph: Graph, for devices: [Device], _ profiles: [DeviceProfile], options: ProgramOptions
    ) throws(HeterodyneError) -> CompiledGraph {
        var targets: [CompilationTarget] = []
        for (device, profile) in zip(devices, profiles) {
            var target = try liftingBackend { () throws(BackendError) in
                try CompilationTarget(backend: device.backend, device: device.id)
            }
            target.profile = profile
            targets.append(target)
        }
        var compiled = try runPasses(targets, on: graph, options)
        // Emulation rests on how devices round. One that does not pass its test is asked for no more of it.
        while try refuseEmulation(in: compiled, devices, &targets) {
            compiled = try runPasses(targets, on: graph, options)
        }
        return compiled
    }

    private func runPasses(
        _ targets: [CompilationTarget], on graph: Graph, _ options: ProgramOptions
    ) throws(HeterodyneError) -> CompiledGraph {
        let compiler = Compiler(targets: targets, options: options.compiler, evaluator: evaluator)
        return try liftingGraph { () throws(GraphError) in try compiler.compile(graph, label: options.label) }
    }

    /// Lets the backends compile their parts.
    func finish(
        _ compiled: CompiledGraph, on devices: [Device], options: ProgramOptions
    ) throws(HeterodyneError) -> Program {
        let program = try Program(compiled, devices: devices, options: options)
        logger.debug("compiled \(program.report.summary) in \(program.report.seconds) s")
        return program
    }

    /// Marks the devices that emulate in `compiled` and may not; whether there are any.
    private func refuseEmulation(
        in compiled: CompiledGraph, _ devices: [Device], _ targets: inout [CompilationTarget]
    ) throws(HeterodyneError) -> Bool {
        var isRefused = false
        for index in Set(compiled.parts.filter(\.restsOnRounding).map(\.target)).sorted() {
            guard targets[index].emulationRefusal == nil else { continue }
            if let reason = try emulationCheck.refusal(of: devices[index], targets[index]) {
                targets[index].emulationRefusal = reason
                isRefused = true
            }
        }
        return isRefused
    }

    /// How many programs are remembered, how often one was found, and how often one had to be compiled.
    public var cacheStatistics: (count: Int, hits: Int, misses: Int) {
        cache.withLock { ($0.count, $0.hits, $0.misses) }
    }

    /// Forgets all programs.
    public func clearCache() { cache.withLock { $0.removeAll() } }
}
