// Heterodyne: what a profile does not know and what it takes for granted.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension ChipProfile {
    /// The figures that are unknown, with the reason, one per line: `power: not published`.
    public var missing: [String] {
        var lines: [String] = []
        func check(_ what: String, _ fact: Fact) { if let reason = fact.reason { lines.append("\(what): \(reason)") } }
        check("memory size", memoryByteCount)
        check("memory bandwidth", memoryBandwidth)
        if let interconnect, !interconnect.isHostOnly {
            check("\(interconnect.name) bandwidth", interconnect.bandwidth)
        }
        check("power", power)
        check("start of a program", launch)
        check("start of a kernel", step)
        for (scalarType, type) in orderedTypes {
            if case .unknown(let why) = type.presence { lines.append("\(scalarType): \(why)") }
            for unit in TypeProfile.Unit.allCases where type.units.contains(unit) {
                check("\(scalarType) \(unit.rawValue) rate", unit == .vector ? type.vector : type.matrix)
            }
        }
        for (name, fact) in otherFormats.sorted(by: { $0.key < $1.key }) { check("\(name) rate", fact) }
        return lines
    }

    /// What nobody says and the profile takes to be so, with the reason, one per line: `int32: ...`.
    public var assumptions: [String] {
        var lines: [String] = []
        func check(_ what: String, _ fact: Fact) {
            if let figure = fact.figure, figure.confidence == .assumed { lines.append("\(what): \(figure.source)") }
        }
        check("memory size", memoryByteCount)
        check("memory bandwidth", memoryBandwidth)
        if let interconnect { check("\(interconnect.name) bandwidth", interconnect.bandwidth) }
        check("power", power)
        check("start of a program", launch)
        check("start of a kernel", step)
        for (scalarType, type) in orderedTypes {
            switch type.presence {
            case .native(let source, .assumed): lines.append("\(scalarType): \(source)")
            case .absent(let source, .assumed): lines.append("no \(scalarType): \(source)")
            case .native, .absent, .unknown: break
            }
            check("\(scalarType) vector rate", type.vector)
            check("\(scalarType) matrix rate", type.matrix)
        }
        return lines
    }

    private var orderedTypes: [(ScalarType, TypeProfile)] {
        types.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.key, $0.value) }
    }
}
