// Heterodyne: reads a chip's profile from JSON.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneJSON

extension ChipProfile {
    /// The version of the files that this reads: the value of the key `schema`.
    public static var schema: Int { 1 }

    /// Reads a profile. `path` is for errors. Throws for text that is no JSON, keys that profiles do not have, values of
    /// the wrong kind or out of range, figures without a source.
    public init(parsing bytes: some Collection<UInt8>, path: String) throws(ProfileError) {
        guard bytes.count <= Self.largestFile else {
            throw ProfileError(
                .malformed, "has \(bytes.count) bytes; a profile has at most \(Self.largestFile)", path: path)
        }
        let copy = Array(bytes)
        let tree = try copy.withUnsafeBytes { raw in
            Result { () throws(ProfileError) in
                try JSONValue.parse(raw, path: path, failure: ProfileError.self)
            }
        }.get()
        try self.init(ProfileObject(tree, path: path))
    }

    /// The most bytes that a profile may have.
    static var largestFile: Int { 1 << 20 }

    private init(_ file: ProfileObject) throws(ProfileError) {
        var file = file
        let schema = try file.required("schema", "1")
        guard schema.number == Double(Self.schema) else {
            throw file.mistake(
                .unknownSchema, "schema",
                "is not \(Self.schema), the version of profiles that is understood here; write \(Self.schema)")
        }
        let id = try file.text("id", "a name like vendor-chip")
        guard Self.isIdentifier(id) else {
            throw file.mistake(
                .invalidValue, "id", "is \"\(id)\"; write lower-case letters, digits and '-', at most 64")
        }
        let name = try file.text("name", "the name of the chip")
        let vendor = try file.text("vendor", "who makes it")
        let aliases = try file.texts("aliases", "other names")
        let kind = try file.choice(try file.text("kind", "what it is"), "kind", as: Kind.self)
        _ = try file.required("roles", "a list of inference, training")
        var roles: Set<DeviceRole> = []
        for role in try file.texts("roles", "inference, training") {
            roles.insert(try file.choice(role, "roles", as: DeviceRole.self))
        }
        guard !roles.isEmpty else { throw file.mistake(.invalidValue, "roles", "is empty; write inference, training") }
        let count = file.value("chipCount").map { $0.number ?? 0 } ?? 1
        guard let chipCount = Int(exactly: count), (1...1_000_000).contains(chipCount) else {
            throw file.mistake(.invalidValue, "chipCount", "is no whole number from 1 on; leave it out for one chip")
        }

        // Figures without a source of their own have that of the file.
        var figures = FigureReader(source: nil, confidence: nil)
        figures.source = try file.optionalText("source", "where the figures come from")
        if let text = try file.optionalText("confidence", "how far the figures can be trusted") {
            figures.confidence = try file.choice(text, "confidence", as: Confidence.self)
        }
        let year = try figures.fact("year", of: &file)
        var types: [ScalarType: TypeProfile] = [:]
        if let list = try file.object("types") { types = try figures.types(list) }
        var others: [String: Fact] = [:]
        if var list = try file.object("otherFormats") {
            for key in list.keys { others[key] = try figures.fact(key, of: &list) }
        }
        var memory = (bytes: Fact.unknown(""), bandwidth: Fact.unknown(""), technology: String?.none)
        if var object = try file.object("memory") {
            memory.bytes = try figures.fact("bytes", of: &object)
            memory.bandwidth = try figures.fact("bandwidth", of: &object)
            memory.technology = try object.optionalText("technology", "the kind of memory")
            try object.finish()
        } else {
            throw file.mistake(
                .missingKey, "memory",
                "is missing; write { \"bytes\": figure, \"bandwidth\": figure }, where a figure is "
                    + FigureReader.help)
        }
        var interconnect: Interconnect?
        if var object = try file.object("interconnect") {
            let name = try object.text("name", "the name of the link")
            let bandwidth = try figures.fact("bandwidth", of: &object)
            var isHostOnly = false
            if let value = object.value("hostOnly") {
                guard let truth = value.bool else {
                    throw object.mistake(.invalidValue, "hostOnly", "is \(value.kind); write true or false")
                }
                isHostOnly = truth
            }
            try object.finish()
            interconnect = Interconnect(name: name, bandwidth: bandwidth, isHostOnly: isHostOnly)
        }
        let power = try figures.fact("power", of: &file)
        let launch = try figures.fact("launch", of: &file)
        let step = try figures.fact("step", of: &file)
        let notes = try file.texts("notes", "remarks")
        try file.finish()
        self.init(
            id: id, name: name, vendor: vendor, aliases: aliases, year: year, kind: kind, roles: roles,
            chipCount: chipCount, types: types, otherFormats: others, memoryByteCount: memory.bytes,
            memoryBandwidth: memory.bandwidth, memoryTechnology: memory.technology, interconnect: interconnect,
            power: power, launch: launch, step: step, notes: notes)
    }

    /// Whether `text` can be the identifier of a chip, and with it of a device.
    static func isIdentifier(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, bytes.count <= 64, first != UInt8(ascii: "-") else { return false }
        return bytes.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
        }
    }
}
