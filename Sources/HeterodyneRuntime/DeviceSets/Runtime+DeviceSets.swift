// Heterodyne: compiles graphs for several devices.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
public import HeterodyneGraph

extension Runtime {
    /// The program of `graph` for the devices of a set: remembered, or compiled now. See `compile(_:on:options:)`.
    public func program(
        for graph: Graph, on set: DeviceSet, options: ProgramOptions = ProgramOptions()
    ) throws(HeterodyneError) -> Program {
        let profiles = profiles(of: set.devices)
        let key = ProgramCache.Key(
            graph: graph, devices: set.devices.map(\.id), fingerprints: set.devices.map(\.descriptor.fingerprint),
            profiles: profiles, set: set, options: options)
        return try remembered(key) { () throws(HeterodyneError) in
            try compile(graph, on: set, profiles, options: options)
        }
    }

    /// Compiles `graph` for the devices of a set, every node where the whole costs least, without remembering the
    /// program. Devices whose speed is not known are measured first. Only devices of the set are used
    /// (`options.fallbacks` says nothing here), but for the interpreter in an automatic set where nothing else runs a
    /// node.
    ///
    /// Inputs and outputs of the program live on the set's first device; of an automatic set on the one with most work,
    /// which is then `Program.device`.
    public func compile(
        _ graph: Graph, on set: DeviceSet, options: ProgramOptions = ProgramOptions()
    ) throws(HeterodyneError) -> Program {
        try compile(graph, on: set, profiles(of: set.devices), options: options)
    }

    private func compile(
        _ graph: Graph, on set: DeviceSet, _ profiles: [DeviceProfile], options: ProgramOptions
    ) throws(HeterodyneError) -> Program {
        try liftingGraph { () throws(GraphError) in try graph.verify() }
        var options = options
        options.compiler.placement = .cheapest
        guard set.isAutomatic else { return try compile(graph, on: set.devices, profiles, options: options) }
        var (devices, profiles) = (set.devices, profiles)
        var lowered: CompiledGraph
        do { lowered = try lower(graph, for: devices, profiles, options: options) } catch {
            guard case .graph(let refusal) = error, refusal.kind == .unsupported,
                let last = registry.devices.first(where: { $0.isInterpreter && !devices.contains($0) })
            else { throw error }
            devices.append(last)
            profiles += self.profiles(of: [last])
            lowered = try lower(graph, for: devices, profiles, options: options)
        }
        let busiest = set.keepsFirst ? 0 : Self.busiest(lowered.report, devices)
        if busiest != 0 {
            devices.insert(devices.remove(at: busiest), at: 0)
            profiles.insert(profiles.remove(at: busiest), at: 0)
            lowered = try lower(graph, for: devices, profiles, options: options)
        }
        return try finish(lowered, on: devices, options: options)
    }

    /// The device of a set that multiplies matrices of float32 fastest, of equal ones the first; measured where it is not
    /// known. What runs several programs one after the other lets their inputs and outputs live there.
    public func fastestDevice(of set: DeviceSet) -> Device {
        let rates = profiles(of: set.devices).map { $0.rate(.contraction, .float32).value }
        let best = rates.indices.max { rates[$0] < rates[$1] || (rates[$0] == rates[$1] && $0 > $1) } ?? 0
        return set.devices[best]
    }

    /// The position of the device with most work: the most seconds, of equal ones the first.
    private static func busiest(_ report: CompilationReport, _ devices: [Device]) -> Int {
        var seconds = [Double](repeating: 0, count: devices.count)
        for entry in report.entries where entry.kind == .placement || entry.kind == .fallback {
            guard let position = devices.firstIndex(where: { $0.id == entry.device }) else { continue }
            // Devices that nobody could measure count by their arithmetic, in no unit of time but in proportion.
            seconds[position] += entry.seconds ?? (entry.operationCount + entry.byteCount) * 1e-10
        }
        return seconds.indices.max { seconds[$0] < seconds[$1] || (seconds[$0] == seconds[$1] && $0 > $1) } ?? 0
    }

    /// How fast devices are, measured now where it is not known; assumed for a device that fails at it, which a program
    /// then tells with its own error, and for the interpreter, which is slow whatever it does.
    private func profiles(of devices: [Device]) -> [DeviceProfile] {
        devices.map { device in
            let known = try? profile(of: device, measuring: !device.isInterpreter)
            return known ?? assumedProfile(of: device)
        }
    }
}
