// Heterodyne: device profiles as checked text, for files.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph

/// A profile as text: a line for each figure between a line that names the format and the device and one with a
/// checksum. What is damaged, cut off or of another format is no profile.
///
///     heterodyne profile 1
///     device <identity>
///     contraction float32 1.25e+11 measured
///     memory 1.1e+10 measured
///     …
///     checksum 0123456789abcdef
enum ProfileText {
    private static let header = "heterodyne profile 1"
    /// Larger texts are not ours.
    static let maximumByteCount = 1 << 16

    /// The text of a profile of the device that `identity` names.
    static func text(_ profile: DeviceProfile, identity: String) -> String {
        var lines = [header, "device \(flattened(identity))"]
        for work in DeviceProfile.Work.allCases {
            let figures = profile.operations[work] ?? [:]
            for (type, figure) in figures.sorted(by: { $0.key.name < $1.key.name }) {
                lines.append("\(work.rawValue) \(type.name) \(line(figure))")
            }
        }
        lines.append("memory \(line(profile.memory))")
        lines.append("launch \(line(profile.launch))")
        lines.append("step \(line(profile.step))")
        for (name, link) in [("upload", profile.upload), ("download", profile.download)] {
            lines.append("\(name) latency \(line(link.latency))")
            lines.append("\(name) bytes \(line(link.bytesPerSecond))")
        }
        let body = lines.joined(separator: "\n") + "\n"
        return body + "checksum \(hexadecimal(hash(body)))\n"
    }

    /// The profile in a text, nil where it is not the text of a profile of that device.
    static func profile(_ text: String, identity: String) -> DeviceProfile? {
        guard text.utf8.count <= maximumByteCount, let start = text.range(of: "checksum ") else { return nil }
        let body = String(text[..<start.lowerBound])
        guard text == body + "checksum \(hexadecimal(hash(body)))\n" else { return nil }
        var lines = body.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        guard lines.count > 2, lines[0].joined(separator: " ") == header,
            lines[1].first == "device", lines[1].dropFirst().joined(separator: " ") == flattened(identity)
        else { return nil }
        lines.removeFirst(2)
        var operations: [DeviceProfile.Work: [ScalarType: DeviceProfile.Figure]] = [:]
        var single: [String: DeviceProfile.Figure] = [:]
        for words in lines {
            guard words.count >= 3, let figure = figure(words.suffix(2)) else { return nil }
            let name = words.dropLast(2).joined(separator: " ")
            if words.count == 4, let work = DeviceProfile.Work(rawValue: words[0]) {
                guard let type = ScalarType(name: words[1]), operations[work]?[type] == nil else { return nil }
                operations[work, default: [:]][type] = figure
            } else {
                guard single[name] == nil else { return nil }
                single[name] = figure
            }
        }
        guard single.count == 7, let memory = single["memory"], let launch = single["launch"],
            let step = single["step"], let upload = link("upload", single), let download = link("download", single)
        else { return nil }
        return DeviceProfile(
            operations: operations, memory: memory, launch: launch, step: step, upload: upload, download: download)
    }

    private static func link(_ name: String, _ figures: [String: DeviceProfile.Figure]) -> DeviceProfile.Link? {
        guard let latency = figures["\(name) latency"], let bytes = figures["\(name) bytes"] else { return nil }
        return DeviceProfile.Link(latency: latency, bytesPerSecond: bytes)
    }

    private static func line(_ figure: DeviceProfile.Figure) -> String {
        "\(figure.value) \(figure.source.rawValue)"
    }

    private static func figure(_ words: ArraySlice<String>) -> DeviceProfile.Figure? {
        guard let first = words.first, let last = words.last, let value = Double(first), value.isFinite, value > 0,
            let source = DeviceProfile.Source(rawValue: last)
        else { return nil }
        return DeviceProfile.Figure(value, source)
    }

    /// One line of single spaces, as the text is split at those.
    private static func flattened(_ identity: String) -> String {
        identity.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// FNV-1a.
    static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension String {
    /// Where `other` first occurs at the start of a line.
    fileprivate func range(of other: String) -> Range<String.Index>? {
        var line = startIndex
        while line < endIndex {
            if self[line...].hasPrefix(other) { return line..<index(line, offsetBy: other.count) }
            guard let end = self[line...].firstIndex(of: "\n") else { return nil }
            line = index(after: end)
        }
        return nil
    }
}
