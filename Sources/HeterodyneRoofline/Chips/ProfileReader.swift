// Heterodyne: reads one object of a profile and knows which of its keys were not asked for.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneJSON

/// One object of a profile. Every key must be asked for: those that were not are mistakes of the writer.
struct ProfileObject {
    /// The file, for errors.
    let path: String
    /// The keys that lead here, each followed by a dot.
    let prefix: String
    private var members: [String: JSONValue] = [:]
    private var order: [String] = []
    private var asked: [String] = []

    /// The object `value`. Throws where it is none.
    init(_ value: JSONValue, path: String, prefix: String = "") throws(ProfileError) {
        self.path = path
        self.prefix = prefix
        guard let list = value.members else {
            let key = prefix.isEmpty ? nil : String(prefix.dropLast())
            throw ProfileError(
                .invalidValue, "is \(value.kind); write an object, { \"key\": value, ... }", path: path, key: key)
        }
        for member in list {
            members[member.key] = member.value
            order.append(member.key)
        }
    }

    /// The keys in the order of the file.
    var keys: [String] { order }

    /// A mistake at `key` of this object.
    func mistake(_ kind: ProfileError.Kind, _ key: String, _ message: String) -> ProfileError {
        ProfileError(kind, message, path: path, key: prefix + key)
    }

    /// The value of `key`, or nil where it is not given.
    mutating func value(_ key: String) -> JSONValue? {
        asked.append(key)
        return members[key]
    }

    /// The value of `key`. `what` says what to write where it is missing.
    mutating func required(_ key: String, _ what: String) throws(ProfileError) -> JSONValue {
        if let value = value(key) { return value }
        let others = order.filter { !asked.contains($0) }
        let typo = NearestName.suggestions(for: key, among: others, limit: 1).first
        let hint = typo.map { " (\"\($0)\" is no key of a profile)" } ?? ""
        throw mistake(.missingKey, key, "is missing\(hint); write \(what)")
    }

    /// The text of `key`, which must not be empty.
    mutating func text(_ key: String, _ what: String) throws(ProfileError) -> String {
        try Self.text(try required(key, what), what) { self.mistake(.invalidValue, key, $0) }
    }

    /// The text of `key`, or nil where it is not given.
    mutating func optionalText(_ key: String, _ what: String) throws(ProfileError) -> String? {
        guard let value = value(key) else { return nil }
        return try Self.text(value, what) { self.mistake(.invalidValue, key, $0) }
    }

    /// The texts of the list `key`; none where it is not given.
    mutating func texts(_ key: String, _ what: String) throws(ProfileError) -> [String] {
        guard let value = value(key) else { return [] }
        guard let elements = value.elements else {
            throw mistake(.invalidValue, key, "is \(value.kind); write a list of \(what)")
        }
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            texts.append(try Self.text(element, what) { self.mistake(.invalidValue, "\(key)[\(index)]", $0) })
        }
        return texts
    }

    /// The object at `key`, or nil where it is not given.
    mutating func object(_ key: String) throws(ProfileError) -> ProfileObject? {
        guard let value = value(key) else { return nil }
        return try ProfileObject(value, path: path, prefix: prefix + key + ".")
    }

    /// The raw values that `names` lists, as cases of an enumeration.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ text: String, _ key: String, as type: Choice.Type
    ) throws(ProfileError) -> Choice where Choice.RawValue == String {
        guard let choice = Choice(rawValue: text) else {
            let all = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw mistake(.invalidValue, key, "is \"\(text)\"; write one of \(all)")
        }
        return choice
    }

    /// Throws for the first key that nobody asked for, with the known key that is nearest.
    func finish() throws(ProfileError) {
        guard let key = order.first(where: { !asked.contains($0) }) else { return }
        let nearest = NearestName.suggestions(for: key, among: asked, limit: 1).first
        let hint = nearest.map { "did you mean \"\($0)\"?" } ?? "known are \(asked.joined(separator: ", "))"
        throw mistake(.unknownKey, key, "is no key of a profile; \(hint)")
    }

    private static func text(
        _ value: JSONValue, _ what: String, _ mistake: (String) -> ProfileError
    ) throws(ProfileError) -> String {
        guard let text = value.text else { throw mistake("is \(value.kind); write \(what), in quotes") }
        guard text.contains(where: { !$0.isWhitespace }) else { throw mistake("is empty; write \(what)") }
        return text
    }
}
