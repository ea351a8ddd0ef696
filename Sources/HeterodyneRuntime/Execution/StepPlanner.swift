// Heterodyne: finds the steps of a program's run and what each needs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

/// Collects the steps of a run in program order with what each reads and writes, and schedules them.
struct StepPlanner {
    /// Memory that steps read and write.
    private enum Memory: Hashable {
        case place(Program.Place)
        case standIn(Int)
    }

    private let program: Program
    /// The lane of each device that runs a part, by identifier.
    private var lanes: [String: Int] = [:]
    /// The stand-in of a place on a device.
    private var standIns: [String: [Program.Place: Int]] = [:]
    /// The last step that wrote memory and those that read it since.
    private var writers: [Memory: Int] = [:]
    private var readers: [Memory: [Int]] = [:]
    private(set) var steps: [RunStep] = []
    private(set) var nodes: [StepSchedule.Node] = []

    /// What lanes must save at least to be worth waking threads for, in nanoseconds.
    static let leastGain: UInt64 = 50_000

    init(_ program: Program) {
        self.program = program
        for part in program.parts where lanes[part.device.id] == nil { lanes[part.device.id] = lanes.count }
    }

    mutating func addTransfer(of place: Program.Place, standIn: Int, part: Int) {
        let device = program.parts[part].device
        standIns[device.id, default: [:]][place] = standIn
        // The device that waits for the value fetches it, unless it is busy while the other is not.
        add(
            .transfer(place, standIn: standIn, part: part), on: [device, program.homeDevice(of: place)],
            reads: [.place(place)], writes: [.standIn(standIn)], cost: Self.copyCost(program.byteCount(of: place)))
    }

    mutating func addRun(of index: Int) {
        let part = program.parts[index]
        let reads = part.inputs.map { place in
            standIns[part.device.id]?[place].map { Memory.standIn($0) } ?? .place(place)
        }
        let bytes = (part.inputs + part.outputs).reduce(0) { $0.addingSaturating(program.byteCount(of: $1)) }
        // What a part computes is not known here. That it takes longer than waking a thread is assumed.
        add(
            .run(part: index), on: [part.device], reads: reads, writes: part.outputs.map { .place($0) },
            cost: (100_000 as UInt64).addingSaturating(Self.copyCost(bytes)))
    }

    mutating func addCopy(_ index: Int) {
        let copy = program.copies[index]
        add(
            .copy(index), on: [program.device, program.homeDevice(of: copy.from)], reads: [.place(copy.from)],
            writes: [.place(.output(copy.toOutput))], cost: Self.copyCost(program.byteCount(of: copy.from)))
    }

    private mutating func add(
        _ step: RunStep, on devices: [Device], reads: [Memory], writes: [Memory], cost: UInt64
    ) {
        let number = steps.count
        var dependencies: Set<Int> = []
        for memory in reads {
            if let writer = writers[memory] { dependencies.insert(writer) }
            readers[memory, default: []].append(number)
        }
        for memory in writes {
            if let writer = writers[memory] { dependencies.insert(writer) }
            dependencies.formUnion(readers[memory] ?? [])
            readers[memory] = []
            writers[memory] = number
        }
        dependencies.remove(number)
        // A device that runs no part has no lane; the first lane does its copies.
        var possible: [Int] = []
        for lane in devices.compactMap({ lanes[$0.id] }) where !possible.contains(lane) { possible.append(lane) }
        steps.append(step)
        nodes.append(
            .init(
                lanes: possible.isEmpty ? [0] : possible, cost: cost, dependencies: dependencies.sorted()))
    }

    /// Nanoseconds of a copy: a few microseconds to start it, then some gigabytes per second.
    private static func copyCost(_ byteCount: Int) -> UInt64 { 5_000 + UInt64(max(0, byteCount)) / 4 }

    /// The steps in lanes; nil where there is only one device, or nothing worth overlapping.
    func schedule() -> StepSchedule? {
        guard lanes.count > 1 else { return nil }
        let schedule = StepSchedule(nodes, laneCount: lanes.count)
        return schedule.gain >= Self.leastGain ? schedule : nil
    }
}

extension Program {
    /// The device whose memory a place is in.
    func homeDevice(of place: Place) -> Device {
        switch place {
        case .input, .output: device
        case .intermediate(let value): intermediates[value].device
        }
    }

    /// The bytes of a place.
    func byteCount(of place: Place) -> Int {
        switch place {
        case .input(let index): inputs[index].byteCount
        case .output(let index): outputs[index].byteCount
        case .intermediate(let index): intermediates[index].byteCount
        }
    }

    /// The device that a step keeps busy and what it does, for people.
    func description(of step: RunStep) -> (device: String, work: String) {
        switch step {
        case .run(let index):
            let part = parts[index]
            let count = part.executable.stepDescriptions.count
            return (part.device.id, "part \(index + 1) of \(parts.count), \(count) \(count == 1 ? "step" : "steps")")
        case .transfer(let place, _, let part):
            return (
                parts[part].device.id,
                "copies \(name(of: place)), \(byteCount(of: place)) bytes, from \(homeDevice(of: place).id)"
            )
        case .copy(let index):
            let copy = copies[index]
            return (
                device.id,
                "copies \(name(of: copy.from)) to output '\(outputs[copy.toOutput].name)', "
                    + "\(byteCount(of: copy.from)) bytes, from \(homeDevice(of: copy.from).id)"
            )
        }
    }

    private func name(of place: Place) -> String {
        switch place {
        case .input(let index): "input '\(inputs[index].name)'"
        case .output(let index): "output '\(outputs[index].name)'"
        case .intermediate(let index): "intermediate result \(index)"
        }
    }
}

extension Int {
    /// The sum, or the largest integer where it is out of range.
    fileprivate func addingSaturating(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

extension ContinuousClock.Instant {
    /// Nanoseconds from here to a later instant.
    func nanoseconds(to later: ContinuousClock.Instant) -> UInt64 {
        let parts = duration(to: later).components
        guard parts.seconds >= 0, parts.attoseconds >= 0 else { return 0 }
        return UInt64(parts.seconds).multipliedReportingOverflow(by: 1_000_000_000).partialValue
            .addingSaturating(UInt64(parts.attoseconds) / 1_000_000_000)
    }
}
