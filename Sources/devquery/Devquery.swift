// Heterodyne: lists backends, devices and capabilities, and says why something is missing.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Heterodyne

@main struct Devquery: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devquery",
        abstract: "Lists the devices that Heterodyne can use, what they can do, and what is missing and why.",
        discussion: """
            The table has a column per scalar type, whose words say how far the device uses the type; -v and --json \
            name every usage (storage, convert, arithmetic, dot, accumulate, atomicAdd, matrixEngine).

            Exit status: 0 a device can be used, 1 the device asked for was not found, 2 nothing can be used, \
            64 wrong usage.
            """)

    @Flag(help: "Print one JSON document (\"schema\": 1) and nothing else.") var json = false
    @Flag(name: .shortAndLong, help: "Print every fact about every device.") var verbose = false
    @Option(
        name: .shortAndLong, help: ArgumentHelp("Only the device with this identifier, in full.", valueName: "id"))
    var device: String?

    func run() throws {
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
        if json {
            print(try listing.json())
        } else if device != nil || verbose {
            print(try listing.details())
        } else {
            print(try listing.table())
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
