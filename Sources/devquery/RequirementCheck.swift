// Heterodyne: which devices meet a requirement, and what the others lack.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import Foundation
import Heterodyne
import HeterodyneConformance

/// Which devices meet a requirement, and what the others lack.
struct RequirementCheck {
    let requirement: Requirement
    let listing: Listing
    let json: Bool
    let quiet: Bool

    private struct Document: Encodable {
        struct Lack: Encodable {
            var clause: String
            var reason: String
        }
        struct Entry: Encodable {
            var id: String
            var satisfied: Bool
            var failures: [Lack]
        }
        var schema = 1
        var requirement: String
        var satisfied: Bool
        var devices: [Entry]
    }

    /// Prints the devices that meet the requirement on standard output, and where there is none, on standard error what each
    /// lacks; throws exit status 1 then.
    func run() throws {
        var entries: [Document.Entry] = []
        for device in listing.devices {
            let failures: [Requirement.Failure]
            do { failures = try requirement.failures(on: device) } catch {
                let lack = Document.Lack(clause: requirement.text, reason: "\(error)")
                entries.append(Document.Entry(id: device.id, satisfied: false, failures: [lack]))
                continue
            }
            entries.append(
                Document.Entry(
                    id: device.id, satisfied: failures.isEmpty,
                    failures: failures.map { Document.Lack(clause: $0.clause, reason: $0.reason) }))
        }
        let isMet = entries.contains(where: \.satisfied)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            let document = Document(requirement: requirement.text, satisfied: isMet, devices: entries)
            Output.print(String(decoding: try encoder.encode(document), as: UTF8.self))
        } else if !quiet {
            for entry in entries where entry.satisfied { Output.print(entry.id) }
            if !isMet { explain(entries) }
        }
        if !isMet { throw ExitCode(1) }
    }

    private func explain(_ entries: [Document.Entry]) {
        var lines = ["devquery: no device meets the requirement '\(requirement.text)'"]
        for entry in entries {
            lines.append("  \(entry.id)")
            for failure in entry.failures { lines.append("    \(failure.clause): \(failure.reason)") }
        }
        for missing in listing.unavailable { lines.append("  \(missing.id) is unavailable: \(missing.reason)") }
        FileHandle.standardError.write(Data((lines.joined(separator: "\n") + "\n").utf8))
    }
}
