// Heterodyne: `heterodyne compile`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import Heterodyne

/// Shows what a graph in the text form compiles to.
struct CompileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compile", abstract: "Show what a graph in the text form compiles to.",
        discussion: """
            Prints the graph after each pass and the steps that the device runs. With --dump kernels or --dump spirv \
            it prints the code that was made for a device that takes SPIR-V.

            Exit status: 0 when the graph compiles, 1 when it does not, 64 for wrong usage.
            """)

    @Argument(help: "A graph in the text form.", completion: .file(extensions: ["graph"]))
    var file: String

    @Option(name: .shortAndLong, help: "The device to compile for; without it, the default device.")
    var device: String?

    @Option(
        help: """
            What to print before the steps: the pass whose result is wanted, by its name as in the list of stages, \
            'input', 'all' stages, 'none', or the code made for the device in one of its languages ('kernels', 'spirv').
            """)
    var dump = "all"

    @Option(
        name: .customLong("bind"), help: ArgumentHelp("A number for a symbolic extent.", valueName: "symbol=number"))
    var bindings: [String] = []

    @OptionGroup(title: "Report") var reporting: ReportOptions

    @Option(
        name: .customLong("types"),
        help: ArgumentHelp(
            """
            What happens where the device lacks a scalar type: fallback, emulate, demote or error, for all types or by \
            type: float64=emulate,int64=error.
            """, valueName: "policy"))
    var types = ""

    @Flag(help: "Treat every decision that is not free as an error.")
    var strict = false

    @Flag(help: "Do not fuse.")
    var unfused = false

    func validate() throws { _ = try scalarTypePolicy(types) }

    func run() throws {
        Output.reserve()
        let text = try read(file)
        let numbers = try extents(bindings, option: "--bind", kind: "symbol=number")
        let target = try device.map { try heterodyne_cli.device($0) } ?? Device.current
        var options = ProgramOptions()
        options.label = file
        options.compiler.recordsStages = true
        options.compiler.isStrict = strict
        options.compiler.scalarTypes = try scalarTypePolicy(types)
        options.compiler.fuses = !unfused
        let program: Program
        do {
            let parsed = try Graph(parsing: text, composites: .standard)
            let missing = parsed.symbols.subtracting(numbers.keys).sorted()
            guard missing.isEmpty else {
                let options = missing.map { "--bind \($0)=<number>" }.joined(separator: " ")
                throw ValidationError("\(file) has symbolic extents; add \(options)")
            }
            let graph = numbers.isEmpty ? parsed : try parsed.binding(numbers)
            program = try Runtime.shared.compile(graph, on: target, options: options)
        } catch let error as ValidationError {
            throw error
        } catch {
            printError("\(file): \(error)")
            throw ExitCode.failure
        }
        try printStages(of: program)
        print("== steps on \(target.id) ==")
        for step in program.stepDescriptions { print(step) }
        try reporting.show([program.report])
    }

    private func printStages(of program: Program) throws {
        if dump == "none" { return }
        if dump != "all" {
            let listings = try program.codeListings()
            let wanted = listings.filter { $0.language == dump }
            if !wanted.isEmpty {
                for listing in wanted {
                    let steps = listing.steps.map(String.init).joined(separator: ", ")
                    print("== \(listing.name), steps \(steps) ==\n\(listing.text)")
                }
                return
            }
            guard !["kernels", "spirv"].contains(dump) else {
                throw ValidationError("no code in '\(dump)' was made; --device vulkan:0 makes some where there is one")
            }
        }
        let stages = program.stages.filter { dump == "all" || $0.pass == dump }
        guard !stages.isEmpty else {
            var names: [String] = []
            for stage in program.stages where !names.contains(stage.pass) { names.append(stage.pass) }
            throw ValidationError("there is no stage '\(dump)'; there are: \(names.joined(separator: ", ")), all, none")
        }
        var previous: String?
        for stage in stages {
            print("== \(stage.pass) ==\n\(stage.text == previous ? "(unchanged)\n" : stage.text)")
            previous = stage.text
        }
    }
}
