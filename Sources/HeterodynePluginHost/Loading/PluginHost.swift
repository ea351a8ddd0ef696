// Heterodyne: finds plugins, tries them out, and loads those that pass.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
public import HeterodyneBackend

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Finds plugins through their manifests, tries each out in a child process, and loads those that pass. docs/Plugins.md has
/// the folders, the manifests and every reason for which one is refused.
public struct PluginHost: Sendable {
    private let folders: [String]?
    private let probe: PluginProbe
    private let environment: PluginEnvironment

    /// A host that searches `folders`, which are absolute paths, or the documented ones. A plugin that does not answer within
    /// `probeSeconds` is refused.
    public init(folders: [String]? = nil, probeSeconds: Double = 2) {
        self.init(folders: folders, probe: PluginProbe(seconds: Self.patience(probeSeconds)), environment: .current)
    }

    /// A host in a given environment.
    init(folders: [String]? = nil, probe: PluginProbe, environment: PluginEnvironment) {
        self.folders = folders
        self.probe = probe
        self.environment = environment
    }

    private static func patience(_ seconds: Double) -> Double { seconds >= 0.01 ? min(seconds, 3600) : 0.01 }

    /// A library that is whole and can be trusted, as far as that shows without loading it.
    private struct Prepared {
        var name: String?
        var path: String
        var manifestPath: String?
        var required: [String]
        var identity: TrustedFile.Identity

        var request: PluginProbe.Request { PluginProbe.Request(library: path, required: required) }
    }

    /// The plugins that can be used, and why others cannot. All are tried at the same time, so this takes little longer than
    /// the slowest of them; without manifests it takes as long as looking into the folders.
    public func find() -> BackendFindings {
        let scan = PluginScan(folders: folders, environment: environment)
        var findings = BackendFindings(refused: scan.refused)
        var prepared: [(manifest: PluginManifest, plugin: Prepared)] = []
        for manifest in scan.manifests {
            do throws(PluginRefusal) {
                if let refusal = environment.selection(refuses: manifest.name) { throw refusal }
                prepared.append((manifest, try Self.prepare(manifest, isElevated: environment.isElevated)))
            } catch {
                findings.refused.append(error.line(id: manifest.name, backend: manifest.name))
            }
        }
        let results = Self.load(prepared.map(\.plugin), probe)
        for ((manifest, _), result) in zip(prepared, results) {
            switch result {
            case .success(let plugin): findings.backends.append(PluginBackend(plugin))
            case .failure(let refusal):
                findings.refused.append(refusal.line(id: manifest.name, backend: manifest.name))
            }
        }
        return findings
    }

    /// The plugin in the library at `path`, which is tried out first. It is called `name`, else as it calls itself, else after
    /// the file. Throws `libraryUnavailable` with the reason and what to do.
    public static func load(
        path: String, name: String? = nil, probeSeconds: Double = 2
    ) throws(BackendError) -> any Backend {
        do throws(PluginRefusal) {
            if let name, !PluginManifest.isName(name) {
                throw PluginRefusal(
                    reason: "'\(name)' is no name for a plugin",
                    remedy: "Choose lower-case letters, digits, '-' and '_', with a letter or digit in front")
            }
            guard let absolute = realpath(path, nil) else { throw TrustedFile.unreadable(path, "library", errno) }
            defer { free(absolute) }
            let isElevated = PluginEnvironment.current.isElevated
            let prepared = try prepare(
                String(cString: absolute), name: name, manifestPath: nil, required: [], isElevated: isElevated)
            let probe = PluginProbe(seconds: patience(probeSeconds))
            guard let result = load([prepared], probe).first else {
                throw PluginRefusal(reason: "the plugin \(path) was not tried out", remedy: "Try again")
            }
            return PluginBackend(try result.get())
        } catch {
            throw BackendError(.libraryUnavailable, "\(error.reason). \(error.remedy)", device: name)
        }
    }

    private static func prepare(_ manifest: PluginManifest, isElevated: Bool) throws(PluginRefusal) -> Prepared {
        let newest = heterodyneVersion
        guard manifest.major == newest.major else {
            throw PluginRefusal(
                reason:
                    "the plugin is for version \(manifest.major).\(manifest.minor) of the plugin interface; this host has "
                    + "\(newest.major).\(newest.minor)",
                remedy: manifest.major > newest.major ? "Update Heterodyne" : "Install a newer release of the plugin")
        }
        return try prepare(
            manifest.library, name: manifest.name, manifestPath: manifest.path, required: manifest.required,
            isElevated: isElevated)
    }

    private static func prepare(
        _ library: String, name: String?, manifestPath: String?, required: [String], isElevated: Bool
    ) throws(PluginRefusal) -> Prepared {
        let file = try TrustedFile(opening: library, what: "library", isElevated: isElevated)
        do throws(ELFFile.Problem) { _ = try ELFFile(file.descriptor, byteCount: file.byteCount) } catch {
            throw PluginRefusal(reason: "the library \(file.path) \(error.text)", remedy: error.remedy)
        }
        return Prepared(
            name: name, path: file.path, manifestPath: manifestPath, required: required, identity: file.identity)
    }

    private static func load(_ plugins: [Prepared], _ probe: PluginProbe) -> [Result<LoadedPlugin, PluginRefusal>] {
        let unknown = plugins.indices.filter { !PluginLibrary.isOpen(plugins[$0].identity) }
        let reports = Dictionary(
            uniqueKeysWithValues: zip(unknown, probe.run(unknown.map { plugins[$0].request })))
        return plugins.indices.map { index in
            let plugin = plugins[index]
            let name = plugin.name ?? defaultName(plugin.path)
            do throws(PluginRefusal) {
                if let refusal = reports[index]?.refusal(of: plugin.request, name: name, manifest: plugin.manifestPath)
                {
                    throw refusal
                }
                return .success(
                    try PluginLibrary.open(
                        plugin.path, identity: plugin.identity,
                        name: { table in
                            if let name = plugin.name { return name }
                            let own = table.pointee.name
                            guard let data = own.data, own.size <= 64 else { return name }
                            let text = String(
                                decoding: UnsafeRawBufferPointer(start: data, count: Int(own.size)), as: UTF8.self)
                            return PluginManifest.isName(text) ? text : name
                        }, manifestPath: plugin.manifestPath))
            } catch {
                return .failure(error)
            }
        }
    }

    /// A name made of a library's file name: `acme` for `libheterodyne-Acme.so.1`.
    static func defaultName(_ path: String) -> String {
        var text = path.split(separator: "/").last.map(String.init) ?? "plugin"
        if let stem = text.split(separator: ".so", omittingEmptySubsequences: false).first { text = String(stem) }
        for prefix in ["lib", "heterodyne-"] where text.hasPrefix(prefix) { text.removeFirst(prefix.count) }
        let bytes = text.lowercased().utf8.prefix(64).map {
            PluginManifest.isName("a\(UnicodeScalar($0))") ? $0 : UInt8(ascii: "-")
        }
        let name = String(decoding: bytes.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }, as: UTF8.self)
        return name.isEmpty ? "plugin" : name
    }
}
