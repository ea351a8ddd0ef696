// Heterodyne: the `heterodyne` command.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import Foundation
import Heterodyne

/// Tools around graphs and devices.
@main
struct HeterodyneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heterodyne",
        abstract: "Runs, inspects and plans models, measures devices, and shows what graphs compile to.",
        discussion: "Devices are listed by `devquery`.", version: "0.1.0",
        subcommands: [
            RunCommand.self, InspectCommand.self, BenchCommand.self, ExportCommand.self, ConformanceCommand.self,
            CompileCommand.self, PlanCommand.self,
        ])
}

/// Text to standard output, which belongs to the command: what plugins and drivers print goes to standard error once a command has
/// called `Output.reserve()`.
func print(_ text: String, terminator: String = "\n") { Output.print(text, terminator: terminator) }

/// Text to the standard error stream.
func printError(_ text: String, terminator: String = "\n") {
    FileHandle.standardError.write(Data((text + terminator).utf8))
}

/// Writes `text` to a file, all of it or an error.
func write(_ text: String, to path: String) throws {
    do { try Data(text.utf8).write(to: URL(filePath: path), options: .atomic) } catch {
        throw ValidationError("cannot write '\(path)': \(error.localizedDescription)")
    }
}

/// The whole text of a file.
func read(_ path: String) throws -> String {
    let data: Data
    do { data = try Data(contentsOf: URL(filePath: path)) } catch {
        throw ValidationError("cannot read '\(path)': \(error.localizedDescription)")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
        throw ValidationError("'\(path)' is not UTF-8 text")
    }
    return text
}

/// The device called `name`. Throws a usage error that lists what there is.
func device(_ name: String) throws -> Device {
    do { return try Device(name) } catch { throw ValidationError("\(error)") }
}

/// The numbers that arguments such as `batch=4` give to names. Throws a usage error with the `option` and its `kind`.
func extents(_ arguments: [String], option: String, kind: String) throws -> [String: Int] {
    var numbers: [String: Int] = [:]
    for argument in arguments {
        let parts = argument.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let number = Int(parts[1]), number >= 0 else {
            throw ValidationError("'\(option) \(argument)' is not \(kind), such as batch=4")
        }
        numbers[String(parts[0])] = number
    }
    return numbers
}
