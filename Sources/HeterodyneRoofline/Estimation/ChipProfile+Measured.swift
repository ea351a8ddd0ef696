// Heterodyne: a device of this machine as a profile.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

extension ChipProfile {
    /// A device of this machine as a profile, from rates as `DeviceProfile.rates` and `Capabilities.rates` give them:
    /// `float32 contraction`, `float32 elementwise` and so on in operations per second, `memory bytes`, and `launches` and
    /// `steps` per second. A type that has a rate is native; nothing is known of others, and nobody measured the power.
    ///
    /// Rates of transcendental functions and of reductions have no place in a profile: `DeviceDetail(measuring:)` takes
    /// those.
    public init(measuring id: String, name: String, kind: Kind, rates: [Rate], memoryByteCount: Int? = nil) {
        func fact(_ what: String, isSeconds: Bool = false) -> Fact {
            guard let rate = rates.first(where: { $0.what == what }), rate.perSecond > 0, rate.perSecond.isFinite else {
                return .unknown("not measured")
            }
            let value = isSeconds ? 1 / rate.perSecond : rate.perSecond
            return .known(
                Figure(value, source: rate.source, confidence: rate.source == "assumed" ? .assumed : .measured))
        }
        var types: [ScalarType: TypeProfile] = [:]
        for type in ScalarType.allCases {
            let (vector, matrix) = (fact("\(type) elementwise"), fact("\(type) contraction"))
            let known = [(TypeProfile.Unit.vector, vector), (.matrix, matrix)].filter { $0.1.value != nil }
            guard let best = known.first?.1.figure else { continue }
            types[type] = TypeProfile(
                presence: .native(source: best.source, confidence: best.confidence), units: Set(known.map(\.0)),
                vector: vector, matrix: matrix)
        }
        let memory: Fact =
            memoryByteCount.map {
                .known(Figure(Double($0), source: "the device says so", confidence: .high))
            } ?? .unknown("the device does not say")
        self.init(
            id: id, name: name, vendor: "this machine", year: .unknown("nobody asked"), kind: kind,
            roles: [.inference, .training], types: types, memoryByteCount: memory,
            memoryBandwidth: fact("memory bytes"), power: .unknown("not measured"),
            launch: fact("launches", isSeconds: true), step: fact("steps", isSeconds: true))
    }
}

extension DeviceDetail {
    /// The rates of transcendental functions and reductions among `rates`, as `DeviceProfile.rates` gives them.
    public init(
        measuring rates: [Rate], caches: [Cache] = [], innerRates: [NodeWork.Kind: [ScalarType: Double]] = [:],
        products: [ScalarType: ProductCurve] = [:],
        halfLengths: [ScalarType: HalfLengths] = [:]
    ) {
        var found: [NodeWork.Kind: [ScalarType: Double]] = [:]
        for kind in [NodeWork.Kind.transcendental, .reduction] {
            for type in ScalarType.allCases {
                if let rate = rates.first(where: { $0.what == "\(type) \(kind.rawValue)" }) {
                    found[kind, default: [:]][type] = rate.perSecond
                }
            }
        }
        self.init(caches: caches, rates: found, innerRates: innerRates, products: products, halfLengths: halfLengths)
    }
}
