// Heterodyne: the chips that are known here, by their names.
// SPDX-License-Identifier: Apache-2.0

/// The chips that are known: those that come with this package and those whose files lie in folders.
public struct ProfileCatalog: Sendable {
    /// A file that cannot be used.
    public struct Refusal: Sendable, Hashable {
        /// The file.
        public var path: String
        /// What is wrong with it.
        public var error: ProfileError

        /// A refusal.
        public init(path: String, error: ProfileError) {
            self.path = path
            self.error = error
        }
    }

    /// The chips that come with this package, by identifier.
    public static let builtIn: [ChipProfile] = {
        let profiles = builtInFiles.compactMap { file in try? ChipProfile(parsing: file.bytes, path: file.name) }
        return profiles.sorted { $0.id < $1.id }
    }()

    /// The chips, by identifier.
    public private(set) var profiles: [ChipProfile]
    /// The file of each chip that has one, by identifier.
    public private(set) var paths: [String: String] = [:]
    /// Files that cannot be used.
    public private(set) var refused: [Refusal] = []

    /// The chips that come with this package and those of the folders. A chip of a folder takes the place of one of this
    /// package with the same identifier; of two in folders the first counts. nil takes `searchedFolders`.
    public init(folders: [String]? = nil) {
        var known: [String: ChipProfile] = [:]
        for folder in folders ?? Self.searchedFolders {
            for path in ProfileFiles.list(folder) {
                do throws(ProfileError) {
                    let profile = try Self.profile(atPath: path)
                    if let earlier = paths[profile.id] {
                        throw ProfileError(
                            .invalidValue, "is \"\(profile.id)\", as in \(earlier), which counts", path: path, key: "id"
                        )
                    }
                    known[profile.id] = profile
                    paths[profile.id] = path
                } catch { refused.append(Refusal(path: path, error: error)) }
            }
        }
        for profile in Self.builtIn where known[profile.id] == nil { known[profile.id] = profile }
        profiles = known.values.sorted { $0.id < $1.id }
    }

    /// The given chips only; of two with the same identifier the first counts.
    public init(_ profiles: [ChipProfile]) {
        var known: [String: ChipProfile] = [:]
        for profile in profiles where known[profile.id] == nil { known[profile.id] = profile }
        self.profiles = known.values.sorted { $0.id < $1.id }
    }

    /// The chip called `name`: its identifier, one of its other names, or the path of a file (with a `/` or ending in
    /// `.json`). Case, blanks and dashes do not matter in names. Throws for names that nobody or several have; the message
    /// lists the nearest.
    public func profile(named name: String) throws(ProfileError) -> ChipProfile {
        if let match = profiles.first(where: { $0.id == name }) { return match }
        let wanted = NearestName.folded(name)
        let matches = profiles.filter { profile in
            ([profile.id, profile.name] + profile.aliases).contains { NearestName.folded($0) == wanted }
        }
        if matches.count == 1, !wanted.isEmpty { return matches[0] }
        if matches.isEmpty, name.contains("/") || name.hasSuffix(".json") { return try Self.profile(atPath: name) }
        guard matches.isEmpty || wanted.isEmpty else {
            let ids = matches.map(\.id).joined(separator: ", ")
            throw ProfileError(.ambiguousChip, "several chips are called \"\(name)\": \(ids); write one of these")
        }
        var nearest: [String] = []
        let names = profiles.flatMap { [$0.id] + $0.aliases }
        for suggestion in NearestName.suggestions(for: name, among: names, limit: 12) {
            for profile in profiles where profile.id == suggestion || profile.aliases.contains(suggestion) {
                if !nearest.contains(profile.id) { nearest.append(profile.id) }
            }
        }
        let hint =
            nearest.isEmpty
            ? "known are \(profiles.map(\.id).joined(separator: ", "))"
            : "did you mean \(nearest.prefix(5).joined(separator: " or "))?"
        throw ProfileError(.unknownChip, "no chip is called \"\(name)\"; \(hint)")
    }

    /// The chip that the file at `path` describes. Throws where it cannot be read or is no profile.
    public static func profile(atPath path: String) throws(ProfileError) -> ChipProfile {
        try ChipProfile(parsing: try ProfileFiles.read(path, limit: ChipProfile.largestFile), path: path)
    }
}
