// Heterodyne: what a chip offers by its profile alone.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

extension ChipProfile {
    /// What the chip offers: exactly what the profile says.
    ///
    /// A native type is stored, moved and converted; a vector unit adds arithmetic, accumulation and `dot`; a matrix unit
    /// adds `dot` and `matrixEngine`. What is sold for training runs models too: that is half of training. A `dot` of a narrow type accumulates in a wider one, which must be native with a
    /// vector unit itself. Types that are absent or of which nobody says anything are not offered. The profile says
    /// nothing about rounding, so `numerics` are those of whoever computes in the chip's place.
    public func capabilities(numerics: Numerics = .floor) -> Capabilities {
        var usages: [ScalarType: ScalarUsage] = [:]
        for type in ScalarType.allCases {
            let usage = self.usages(of: type)
            if !usage.isEmpty { usages[type] = usage }
        }
        return Capabilities(
            scalarTypes: usages, roles: roles.contains(.training) ? [.training, .inference] : roles,
            maximumBufferByteCount: memorySize ?? 0, hasUnifiedMemory: false,
            rates: rates, numerics: numerics)
    }

    /// The usages that a type's profile promises; none where it is not native.
    public func usages(of scalarType: ScalarType) -> ScalarUsage {
        let type = self.type(scalarType)
        guard type.isNative else { return [] }
        var usages: ScalarUsage = [.storage, .convert]
        if type.units.contains(.matrix) { usages.insert(.matrixEngine) }
        // No arithmetic is defined on truth values and on types that are only stored.
        guard scalarType.isArithmetic else { return usages }
        if type.units.contains(.vector) { usages.formUnion([.arithmetic, .accumulate, .dot]) }
        if type.units.contains(.matrix) { usages.insert(.dot) }
        return usages
    }

    /// The size of the memory as a whole number of bytes, or nil where it is unknown.
    public var memorySize: Int? {
        guard let value = memoryByteCount.positive else { return nil }
        return value < 0x1p62 ? Int(value) : 1 << 62
    }

    /// Why `scalarType` is not offered, for people; nil where it is.
    public func absence(of scalarType: ScalarType) -> String? {
        switch type(scalarType).presence {
        case .native: nil
        case .absent(let source, _): "\(name) has no \(scalarType) (\(source))"
        case .unknown(let why): "whether \(name) has \(scalarType) is unknown: \(why)"
        }
    }

    private var rates: [Rate] {
        var rates: [Rate] = []
        func add(_ what: String, _ fact: Fact) {
            guard let figure = fact.figure, figure.value > 0 else { return }
            rates.append(
                Rate(
                    what: what, perSecond: figure.value,
                    source: "\(figure.source) (confidence: \(figure.confidence.rawValue))"))
        }
        for type in ScalarType.allCases { add("\(type) contraction", self.type(type).dotRate) }
        for type in ScalarType.allCases { add("\(type) elementwise", self.type(type).vector) }
        add("memory bytes", memoryBandwidth)
        if let interconnect { add("bytes between chips", interconnect.bandwidth) }
        return rates
    }
}
