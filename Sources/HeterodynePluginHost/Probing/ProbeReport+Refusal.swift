// Heterodyne: what people are told about a plugin that failed its probe.
// SPDX-License-Identifier: Apache-2.0

import CPluginProbe

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

extension ProbeReport {
    /// Why the plugin is refused; nil where it passed. `name` and `manifest` are for the remedy.
    func refusal(of request: PluginProbe.Request, name: String, manifest: String?) -> PluginRefusal? {
        if missing.isEmpty, case .passed = answer { return nil }
        let library = request.library
        let doing = doing(request)
        let off = Self.remedy(name: name, manifest: manifest)
        switch answer {
        case .unloadable(let words): return unloadable(words, request, off)
        case .noEntry:
            guard missing.isEmpty else { break }
            return PluginRefusal(
                reason: "\(library) is no plugin: it has no function heterodyne_plugin_open",
                remedy: "Export the function (HETERODYNE_EXPORT), or correct or remove the manifest")
        case .failed(let status, let message):
            let code = heterodyne_probe_status_name(status).map { String(cString: $0) } ?? "status \(status)"
            let text = Self.readable(message)
            return PluginRefusal(
                reason:
                    "the plugin returned \(code) \(doing): \(text.isEmpty ? "it gives no reason" : text) (\(library))",
                remedy: status == HETERODYNE_VERSION_MISMATCH.rawValue
                    ? "Install a release of the plugin for version \(Self.version(heterodyne_probe_newest())) of the interface, "
                        + "or update Heterodyne" : off)
        case .invalid(let message):
            return PluginRefusal(
                reason: "the plugin breaks a rule of the interface \(doing): \(Self.readable(message)) (\(library))",
                remedy: off)
        case .passed, nil: break
        }
        if !missing.isEmpty {
            return Self.missing(missing.map { (request.required[safe: $0.key] ?? "?", nil) }, library)
        }
        return death(library, doing, off)
    }

    /// What a person can do about a faulty plugin.
    static func remedy(name: String, manifest: String?) -> String {
        guard let manifest else { return "Update the plugin, or report this to who made it" }
        return "Update the plugin or report this to who made it; HETERODYNE_PLUGIN_DISABLE=\(name) or removing "
            + "\(manifest) switches it off"
    }

    /// `1.0` for `HETERODYNE_VERSION(1, 0)`.
    static func version(_ number: UInt32) -> String { "\(number >> 16).\(number & 0xFFFF)" }

    /// What the plugin was doing, as in "crashed … while opening".
    private func doing(_ request: PluginProbe.Request) -> String {
        switch phase {
        case .starting: "before its library was loaded"
        case .requirements(let position):
            "while \(request.required[safe: position] ?? "a library"), which it requires, was being loaded"
        case .loading: "while its library was being loaded"
        case .opening: "while opening"
        case .counting: "while counting its devices"
        case .describing(let device): "while describing device \(device)"
        case .capabilities(let device): "while giving the capabilities of device \(device)"
        }
    }

    private func death(_ library: String, _ doing: String, _ off: String) -> PluginRefusal {
        var remedy = off
        let what: String
        switch end {
        case .exited(let status): what = "ended the process (exit status \(status)) \(doing)"
        case .signalled(let signal): what = "crashed with signal \(signal)\(Self.name(of: signal)) \(doing)"
        case .timedOut(let seconds): what = "gave no answer within \(Self.seconds(seconds)) s \(doing)"
        case .unknown: what = "ended without an answer \(doing)"
        case .notStarted(let code):
            what = "could not be tried out: \(String(cString: strerror(code)))"
            remedy = "Free memory, processes (ulimit -u) or open files (ulimit -n)"
        }
        let printed = Self.readable(String(decoding: output, as: UTF8.self))
        return PluginRefusal(
            reason: "the plugin \(what) (\(library))" + (printed.isEmpty ? "" : "; it printed: \(printed)"),
            remedy: remedy)
    }

    private func unloadable(_ words: String, _ request: PluginProbe.Request, _ off: String) -> PluginRefusal {
        var search = LibrarySearch().missing(for: request.library).map { ($0.name, $0.neededBy) }
        for (position, _) in missing.sorted(by: { $0.key < $1.key }) {
            guard let name = request.required[safe: position], !search.contains(where: { $0.0 == name }) else {
                continue
            }
            search.append((name, nil))
        }
        guard search.isEmpty else { return Self.missing(search, request.library) }
        return PluginRefusal(
            reason: "the library \(request.library) cannot be loaded: \(Self.readable(words))",
            remedy: words.contains("undefined symbol")
                ? "Link the plugin with the library that has the symbol, or install the release that it was built for"
                : off)
    }

    private static func missing(_ missing: [(name: String, neededBy: String?)], _ library: String) -> PluginRefusal {
        let names = missing.map { entry -> String in
            guard let neededBy = entry.neededBy, neededBy != library else { return entry.name }
            return "\(entry.name) (for \(neededBy))"
        }
        return PluginRefusal(
            reason:
                "\(names.count == 1 ? "a library is" : "\(names.count) libraries are") missing that \(library) needs: "
                + names.joined(separator: ", "),
            remedy: "Install \(names.count == 1 ? "it" : "them"), or name the folder in LD_LIBRARY_PATH")
    }

    private static func name(of signal: Int32) -> String {
        switch signal {
        case SIGSEGV: " (segmentation fault)"
        case SIGABRT: " (abort)"
        case SIGBUS: " (bus error: the library may be truncated)"
        case SIGILL: " (illegal instruction)"
        case SIGFPE: " (arithmetic error)"
        case SIGTRAP: " (trap)"
        case SIGSYS: " (forbidden system call)"
        case SIGKILL: " (killed, perhaps for want of memory)"
        case SIGTERM: " (terminated)"
        case SIGPIPE: " (broken pipe)"
        default: ""
        }
    }

    private static func seconds(_ seconds: Double) -> String {
        seconds == seconds.rounded() ? "\(Int(clamping: Int64(seconds)))" : "\(seconds)"
    }

    /// `text` on one line, without control characters, cut where it is long.
    static func readable(_ text: String) -> String {
        var words = ""
        for scalar in text.unicodeScalars.prefix(2000) {
            let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
            words.unicodeScalars.append(isControl ? " " : scalar)
        }
        let line = words.split(separator: " ").joined(separator: " ")
        return line.count <= 400 ? line : line.prefix(400) + "…"
    }
}

extension Array {
    /// The element at `index`, nil where there is none.
    fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
