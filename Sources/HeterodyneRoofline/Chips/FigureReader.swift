// Heterodyne: reads figures with their sources from a chip's profile.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneJSON

/// Reads figures with their sources.
struct FigureReader {
    /// The source of figures that name none.
    var source: String?
    /// The confidence of figures that name none.
    var confidence: Confidence?

    /// What a figure looks like, for messages.
    static let help = #"{ "value": 1e12, "source": "...", "confidence": "high" } or { "unknown": "why" }"#

    /// The figure at `key`, or why there is none.
    func fact(_ key: String, of object: inout ProfileObject) throws(ProfileError) -> Fact {
        let value = try object.required(key, Self.help)
        guard value.members != nil else {
            throw object.mistake(.invalidValue, key, "is \(value.kind); write \(Self.help)")
        }
        return try fact(ProfileObject(value, path: object.path, prefix: object.prefix + key + "."))
    }

    private func fact(_ object: ProfileObject) throws(ProfileError) -> Fact {
        var object = object
        if let why = try object.optionalText("unknown", "why the figure is unknown") {
            guard object.value("value") == nil else {
                throw object.mistake(.invalidValue, "unknown", "stands beside a value; write one of the two")
            }
            try object.finish()
            return .unknown(why)
        }
        let number = try object.required("value", Self.help)
        guard let value = number.number else {
            throw object.mistake(.invalidValue, "value", "is \(number.kind); write a number in SI units")
        }
        guard value >= 0, value <= 1e30 else {
            throw object.mistake(.invalidValue, "value", "is \(value); write a number from 0 to 1e30, in SI units")
        }
        let origin = try origin(of: &object)
        try object.finish()
        return .known(Figure(value, source: origin.source, confidence: origin.confidence))
    }

    /// The source and confidence of an object, or of the file where it names none.
    private func origin(
        of object: inout ProfileObject
    ) throws(ProfileError) -> (source: String, confidence: Confidence) {
        let ownSource = try object.optionalText("source", "where the figure comes from")
        var ownConfidence: Confidence?
        if let text = try object.optionalText("confidence", "how far it can be trusted") {
            ownConfidence = try object.choice(text, "confidence", as: Confidence.self)
        }
        guard let source = ownSource ?? source else {
            throw object.mistake(.missingKey, "source", "is missing; write where the figure comes from")
        }
        guard let confidence = ownConfidence ?? confidence else {
            let all = Confidence.allCases.map(\.rawValue).joined(separator: ", ")
            throw object.mistake(.missingKey, "confidence", "is missing; write one of \(all)")
        }
        return (source, confidence)
    }

    /// What is known of each type in the object `types`.
    func types(_ list: ProfileObject) throws(ProfileError) -> [ScalarType: TypeProfile] {
        var list = list
        var types: [ScalarType: TypeProfile] = [:]
        for key in list.keys {
            guard let type = ScalarType(name: key) else {
                let names = ScalarType.allCases.map(\.name)
                let nearest = NearestName.suggestions(for: key, among: names, limit: 1).first
                let hint = nearest.map { "did you mean \"\($0)\"?" } ?? "known are \(names.joined(separator: ", "))"
                throw list.mistake(
                    .unknownKey, key, "is no scalar type; \(hint) (rates of other formats stand in otherFormats)")
            }
            guard let object = try list.object(key) else { continue }
            types[type] = try self.type(object)
        }
        return types
    }

    private func type(_ object: ProfileObject) throws(ProfileError) -> TypeProfile {
        var object = object
        switch try object.text("presence", "native, absent or unknown") {
        case "unknown":
            let why = try object.text("why", "why it is unknown")
            try object.finish()
            return .unknown(why)
        case "absent":
            let origin = try origin(of: &object)
            try object.finish()
            let none = Fact.known(Figure(0, source: origin.source, confidence: origin.confidence))
            return TypeProfile(
                presence: .absent(source: origin.source, confidence: origin.confidence), units: [], vector: none,
                matrix: none)
        case "native": return try native(&object)
        case let text:
            throw object.mistake(
                .invalidValue, "presence", "is \"\(text)\"; write native, absent or unknown")
        }
    }

    private func native(_ object: inout ProfileObject) throws(ProfileError) -> TypeProfile {
        let origin = try origin(of: &object)
        var units: Set<TypeProfile.Unit> = []
        for unit in try object.texts("units", "vector, matrix") {
            units.insert(try object.choice(unit, "units", as: TypeProfile.Unit.self))
        }
        func rate(_ unit: TypeProfile.Unit) throws(ProfileError) -> Fact {
            let key = unit.rawValue
            guard object.value(key) != nil else {
                return .unknown(
                    units.contains(unit)
                        ? "no peak of the \(key) unit is published" : "no source says that a \(key) unit has the type")
            }
            let fact = try fact(key, of: &object)
            if fact.value == 0, units.contains(unit) {
                throw object.mistake(.invalidValue, key, "is 0, and units names the \(key) unit; write one of the two")
            }
            if fact.positive != nil, !units.contains(unit) {
                throw object.mistake(.invalidValue, key, "is a rate of a unit that units does not name; add \"\(key)\"")
            }
            return fact
        }
        let vector = try rate(.vector)
        let matrix = try rate(.matrix)
        try object.finish()
        return TypeProfile(
            presence: .native(source: origin.source, confidence: origin.confidence), units: units, vector: vector,
            matrix: matrix)
    }
}
