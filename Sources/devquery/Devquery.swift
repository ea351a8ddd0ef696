// Heterodyne: lists backends, devices and capabilities, and says why something is missing.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import Foundation
import Heterodyne
import HeterodyneConformance

@main struct Devquery: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devquery",
        abstract: "Lists the devices that Heterodyne can use, what they can do, and what is missing and why.",
        discussion: """
            The table has a column per scalar type, whose words say how far the device uses the type; -v and --json \
            name every usage (storage, convert, arithmetic, dot, accumulate, atomicAdd, matrixEngine).

              devquery -d vulkan:0                        everything about one device
              devquery --ops                              every operation in every scalar type
              devquery --ops float64 -d vulkan:0 --types float64=emulate
              devquery --require 'float64 && memory>=8GiB && !software' -q
              devquery --selftest vulkan:0                how accurate its arithmetic is, beside what it declares

            --require takes scalar types (float64: computes it; float64.storage, float64.dot), numbers (memory, \
            freememory, maxbuffer in KiB, MiB, GiB or kB, MB, GB; threads), texts (id, backend, kind, vendor, name; == \
            or ~ for 'contains'), flags (software, simulated, unified, masked, inference, training), supports(dot, float64), \
            claims(attention), emulated(float64), joined with &&, ||, ! and parentheses. docs/Devquery.md has it all.

            Exit status: 0 a device can be used, meets the requirement, is as it declares; 1 the device asked for was \
            not found, none meets the requirement, one is worse than it declares; 2 nothing can be used; 64 wrong usage.
            """)

    @Flag(help: "Print one JSON document (\"schema\": 1) and nothing else.") var json = false
    @Flag(name: .shortAndLong, help: "Print every fact about every device.") var verbose = false
    @Option(
        name: .shortAndLong, help: ArgumentHelp("Only the device with this identifier, in full.", valueName: "id"))
    var device: String?

    @Flag(help: "Print how each operation runs in each scalar type, or in the TYPE that follows, and why.")
    var ops = false
    @Option(
        help: ArgumentHelp(
            """
            With --ops: what happens where a device lacks a type (fallback, emulate, demote, error; for all types, or \
            float64=emulate,int64=error).
            """, valueName: "policy"))
    var types: String?

    @Option(help: ArgumentHelp("Say which devices meet a requirement.", valueName: "requirement"))
    var require: String?
    @Flag(name: .shortAndLong, help: "With --require: print nothing, only the exit status tells.") var quiet = false

    @Flag(help: "Measure the arithmetic that each device declares, or the DEVICE that follows.") var selftest = false

    @Argument(help: ArgumentHelp("With --ops: a scalar type. With --selftest: a device.", valueName: "subject"))
    var subject: String?

    func validate() throws {
        guard [ops, require != nil, selftest].filter({ $0 }).count <= 1 else {
            throw ValidationError("--ops, --require and --selftest do not go together")
        }
        if selftest, let subject, let device, subject != device {
            throw ValidationError("--selftest \(subject) and --device \(device) name two devices")
        }
        if let subject, !selftest {
            guard ops else { throw ValidationError("'\(subject)' is one too many; a device is named with --device") }
            guard ScalarType(name: subject) != nil else {
                let names = ScalarType.allCases.map(\.name).joined(separator: ", ")
                throw ValidationError("'\(subject)' is no scalar type; there are \(names)")
            }
        }
        if quiet, require == nil { throw ValidationError("--quiet goes with --require") }
        if let types {
            guard ops else { throw ValidationError("--types goes with --ops") }
            do { _ = try ScalarTypePolicy(parsing: types) } catch { throw ValidationError("--types: \(error.message)") }
        }
        if let require {
            do { _ = try Requirement(parsing: require) } catch { throw ValidationError("--require: \(error)") }
        }
    }

    func run() throws {
        Output.reserve()
        let device = device ?? (selftest ? subject : nil)
        let registry = Runtime.shared.registry
        var listing = Listing(devices: registry.devices, unavailable: registry.unavailable)
        if let device {
            listing.devices.removeAll { $0.id != device }
            listing.unavailable.removeAll { missing in
                // `vulkan:0` may be missing because of something that has another name, such as a driver.
                missing.id != device && missing.backend != device && !device.hasPrefix(missing.backend + ":")
            }
            if !listing.devices.isEmpty { listing.unavailable.removeAll { $0.id != device } }
        }
        if let require {
            try RequirementCheck(requirement: Requirement(parsing: require), listing: listing, json: json, quiet: quiet)
                .run()
        } else if selftest, !listing.devices.isEmpty {
            try SelfTest(devices: listing.devices, json: json).run()
        } else if ops {
            let table = try OperationTable(
                listing.devices, others: registry.devices,
                types: subject.flatMap(ScalarType.init(name:)).map { [$0] } ?? ScalarType.allCases,
                policy: ScalarTypePolicy(parsing: types ?? ""))
            Output.print(json ? try table.json() : table.text)
        } else if json {
            Output.print(try listing.json())
        } else if device != nil || verbose {
            Output.print(try listing.details())
        } else {
            Output.print(try listing.table())
        }
        if listing.devices.isEmpty {
            if let device {
                // What is known to be missing was listed above with its reason.
                if listing.unavailable.isEmpty {
                    let known = registry.devices.map(\.id).joined(separator: ", ")
                    complain("there is no device '\(device)'; there are: \(known.isEmpty ? "none" : known)")
                }
                throw ExitCode(1)
            }
            complain("no device can be used; the reasons are listed above")
            throw ExitCode(2)
        }
    }

    private func complain(_ text: String) { FileHandle.standardError.write(Data("devquery: \(text)\n".utf8)) }
}
