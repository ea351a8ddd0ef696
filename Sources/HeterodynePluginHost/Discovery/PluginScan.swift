// Heterodyne: finds the manifests in folders.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The manifests in the folders that are searched: each name once, the first that is found.
struct PluginScan: Sendable {
    /// The manifests to go on with, in the order in which they were found.
    private(set) var manifests: [PluginManifest] = []
    /// What is wrong with others.
    private(set) var refused: [UnavailableDevice] = []

    /// Most manifests that are read in a folder.
    static let limit = 512

    /// Searches `folders`, or those that `environment` gives.
    init(folders: [String]? = nil, environment: PluginEnvironment) {
        var search: [PluginEnvironment.Folder] = []
        if let folders {
            for path in folders {
                if path.hasPrefix("/") {
                    search.append(PluginEnvironment.Folder(path: path, isNamed: true))
                } else {
                    refuse(
                        PluginRefusal(
                            reason: "the folder '\(path)' of plugins is not an absolute path",
                            remedy: "Give its whole path, from '/' on"),
                        id: path)
                }
            }
        } else {
            let (found, wrong) = environment.folders()
            search = found
            for refusal in wrong { refuse(refusal, id: "HETERODYNE_PLUGIN_PATH") }
        }
        for folder in search { scan(folder, environment) }
    }

    private mutating func refuse(_ refusal: PluginRefusal, id: String, backend: String = "plugin") {
        refused.append(refusal.line(id: id, backend: backend))
    }

    private mutating func scan(_ folder: PluginEnvironment.Folder, _ environment: PluginEnvironment) {
        let names: [String]
        switch Self.names(in: folder.path) {
        case .success(let found): names = found
        case .failure(let failure):
            let isAbsent = failure.code == ENOENT || failure.code == ENOTDIR
            if !isAbsent || folder.isNamed {
                refuse(TrustedFile.unreadable(folder.path, "folder", failure.code), id: folder.path)
            }
            return
        }
        guard !names.isEmpty else { return }
        do throws(PluginRefusal) {
            // Once for all its manifests.
            try TrustedFile.checkFolder(folder.path, isElevated: environment.isElevated)
        } catch {
            return refuse(error, id: folder.path)
        }
        if names.count > Self.limit {
            refuse(
                PluginRefusal(
                    reason:
                        "the folder \(folder.path) holds \(names.count) manifests; the first \(Self.limit) are read",
                    remedy: "Remove those that are not needed"),
                id: folder.path)
        }
        for name in names.prefix(Self.limit) {
            let path = folder.path + (folder.path.hasSuffix("/") ? "" : "/") + name
            do throws(PluginRefusal) {
                try add(Self.read(path, isElevated: environment.isElevated), environment)
            } catch {
                refuse(error, id: name)
            }
        }
    }

    private mutating func add(_ manifest: PluginManifest, _ environment: PluginEnvironment) throws(PluginRefusal) {
        if let first = manifests.first(where: { $0.name == manifest.name }) {
            guard !manifest.announcesSame(as: first) else { return }
            throw PluginRefusal(
                reason:
                    "the manifest \(manifest.path) announces the name '\(manifest.name)', which \(first.path) has taken",
                remedy: "Remove one of the two, or change its name")
        }
        manifests.append(manifest)
    }

    /// Reads one manifest.
    static func read(_ path: String, isElevated: Bool) throws(PluginRefusal) -> PluginManifest {
        let file = try TrustedFile(opening: path, what: "manifest", isElevated: isElevated)
        let bytes = try file.contents(limit: PluginManifest.byteLimit, what: "manifest")
        return try PluginManifest(parsing: bytes, path: path)
    }

    private struct Failure: Error { var code: Int32 }

    /// The manifests in a folder, sorted: `*.json`, without hidden files.
    private static func names(in folder: String) -> Result<[String], Failure> {
        guard let handle = opendir(folder) else { return .failure(Failure(code: errno)) }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".json"), !name.hasPrefix(".") { names.append(name) }
        }
        return .success(names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    }
}
