// Heterodyne: `heterodyne plan`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import Heterodyne
import HeterodyneRoofline

/// Shows what chips that are not here would make of a model.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what chips make of a model, from their published figures.",
        discussion: """
            For each chip: whether the model fits and runs, which nodes are native, emulated or left to the host, and from \
            a roofline model the least latency, the most throughput, which roof binds, and what that takes in energy. The \
            numbers are bounds made of published figures, not measurements; docs/Plan.md says how to read them.

              heterodyne plan encoder.onnx --profile A100,BR100 --batch 8 --sequence 128
              heterodyne plan encoder.onnx --all --batch 8 --sequence 128 --plot roofline.svg
              heterodyne plan model.onnx --profile ./mychip.json --types float64=error --details mychip
              heterodyne plan model.onnx --profile H100 --chips 8 --split tensor --json
              heterodyne plan --list

            Exit status: 0 when at least one of the chips runs the model (with the host's help where the policy allows \
            it) or the list is shown, 1 when none does or the model cannot be read, 64 for wrong usage, which includes \
            chips that nobody knows.
            """)

    @Argument(
        help: "An ONNX model, or a graph in the text form.", completion: .file(extensions: ["onnx", "graph"]))
    var model: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The chips: identifiers or other names as in --list, or files (with a '/' or ending in .json).",
            valueName: "chip,..."))
    var profile: [String] = []

    @Flag(help: "Every chip that is known.")
    var all = false

    @Flag(help: "List the chips that are known, with their key figures.")
    var list = false

    @Option(help: "Samples in a run: the dimension called 'batch...', else the first one of the inputs.")
    var batch: Int?

    @Option(help: "Tokens in a sample: the dimension called '...seq...', else the second one of the inputs.")
    var sequence: Int?

    @Option(
        name: [.customLong("dim"), .customLong("bind")],
        help: ArgumentHelp("The extent of a free dimension, by its name; 1 without it.", valueName: "name=number"))
    var dimensions: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            What happens to what a chip cannot do: 'fallback' leaves it to the host and says so, 'native' makes it a \
            refusal. Rules for scalar types are taken too, as by --types.
            """, valueName: "policy"))
    var policy = "fallback"

    @Option(
        help: ArgumentHelp(
            """
            What happens where a chip lacks a scalar type: fallback, emulate, demote or error, for all types or by type: \
            float64=emulate,int64=error. Without it float64 falls back and the others are emulated, which is exact.
            """, valueName: "policy"))
    var types = ""

    @Flag(help: "Refuse every decision of the compiler that is not free.")
    var strict = false

    @Option(
        help: ArgumentHelp(
            "What the model is for, 'inference' or 'training'; without it what the model says.", valueName: "role"))
    var role: String?

    @Option(help: "So many of each chip, or of each system, share the work; see --split.")
    var chips: Int?

    @Option(
        help: ArgumentHelp(
            """
            How chips share the work, those inside systems too: 'data' divides the batch, 'tensor' the products with \
            weights. Without it and --chips, a system counts as one large chip.
            """, valueName: "kind"))
    var split: String?

    @Option(
        help: ArgumentHelp(
            "With --split: inputs of the model that are weights, which every chip has or divides like constants.",
            valueName: "input,..."))
    var weights: String?

    @Option(
        help: ArgumentHelp(
            """
            Which part of the roofs is reached, so that the bound becomes a forecast: 0.6, or by roof: \
            compute=0.6,memory=0.8,interconnect=0.7.
            """, valueName: "part"))
    var efficiency: String?

    @Flag(help: "Print the plan as one JSON document (\"schema\": 1, docs/Plan.md).")
    var json = false

    @Option(
        help: ArgumentHelp("Write the roofline plot to a file.", valueName: "file"),
        completion: .file(extensions: ["svg"])
    )
    var plot: String?

    @Option(
        help: ArgumentHelp(
            "Draw the roofs of these scalar types too, or of 'all'; the model's own are drawn anyway.",
            valueName: "type,..."))
    var ceilings: String?

    @Option(
        help: ArgumentHelp(
            "After the table, everything about one of the chips: nodes, costliest steps, figures with sources.",
            valueName: "chip"))
    var details: String?

    func validate() throws {
        if list {
            guard model == nil, profile.isEmpty, !all, plot == nil, details == nil else {
                throw ValidationError("--list shows all chips; it takes no model and only --json")
            }
            return
        }
        guard model != nil else { throw ValidationError("give a model, or --list") }
        guard all != !profile.isEmpty else {
            throw ValidationError(
                all ? "--all is every chip; leave out --profile" : "name chips with --profile, or --all; see --list")
        }
        let counts = [("--batch", batch), ("--sequence", sequence), ("--chips", chips)]
        for (option, count) in counts {
            guard let count else { continue }
            guard count >= 1, count <= 1 << 40 else {
                throw ValidationError("\(option) \(count): write a number from 1 on, at most 2^40")
            }
        }
        if ceilings != nil, plot == nil { throw ValidationError("--ceilings is about the plot; add --plot FILE") }
        if json, details != nil { throw ValidationError("--json has the details of every chip; leave out --details") }
        _ = try wishes()
        _ = try planPolicy()
        _ = try deviceRole()
        _ = try planSplit()
        _ = try ceilingTypes()
        _ = try parts()
    }

    func run() throws {
        Output.reserve()
        let catalog = ProfileCatalog()
        if list {
            print(json ? try ProfileListDocument(catalog).jsonText() : ProfileList(catalog: catalog).text)
            return
        }
        guard let path = model else { return }
        let profiles = try chosen(catalog)
        let detailed = try details.map { name in
            guard let index = profiles.firstIndex(where: { Self.isCalled($0, name) }) else {
                let ids = profiles.map(\.id).joined(separator: ", ")
                throw ValidationError("--details \(name): it is none of the chips that are planned: \(ids)")
            }
            return index
        }
        let (policy, split) = (try planPolicy(), try planSplit())
        let progress = ProgressLine()
        defer { progress.finish() }
        progress.show("reading \(path)")
        let model = try PlannedModel(path, try wishes(), role: try deviceRole(), progress: progress)
        for name in split?.weights.sorted() ?? [] where !model.inputNames.contains(name) {
            throw ValidationError(
                "--weights \(name): the model has no such input; it has \(model.inputNames.joined(separator: ", "))")
        }
        let planner = try ChipPlanner(policy: policy, split: split, efficiency: try parts())
        var plans: [ChipPlan] = []
        for (index, profile) in profiles.enumerated() {
            progress.show("planning \(path) for \(profile.id)", fraction: Double(index) / Double(profiles.count))
            plans.append(planner.plan(model, on: profile))
        }
        progress.finish()
        if let plot { try write(try picture(model, plans).svg(), to: plot) }
        if json {
            print(try PlanDocument(model: model, plans: plans, policy: policy, split: split).jsonText())
        } else {
            print(PlanTable(model: model, plans: plans, policy: policy, split: split).text)
            if let detailed { print("\n" + PlanDetails(plan: plans[detailed]).text) }
        }
        if !plans.contains(where: \.outcome.isRunning) { throw ExitCode.failure }
    }

    // MARK: - Arguments

    private func wishes() throws -> ExtentWishes {
        ExtentWishes(
            batch: batch, sequence: sequence,
            named: try extents(dimensions, option: "--dim", kind: "NAME=NUMBER"))
    }

    private func planPolicy() throws -> PlanPolicy {
        var plan = PlanPolicy(allowsHost: true, types: try scalarTypePolicy(types), isStrict: strict)
        if let policy = Policy(rawValue: policy) {
            plan.allowsHost = policy == .fallback
            return plan
        }
        guard types.isEmpty else {
            throw ValidationError("--policy \(policy): with --types it is 'fallback' or 'native'")
        }
        do { plan.types = try ScalarTypePolicy(parsing: policy) } catch {
            throw ValidationError(
                "--policy \(policy): it is 'fallback' or 'native', or a rule for scalar types: \(error.message)")
        }
        return plan
    }

    private func deviceRole() throws -> DeviceRole? {
        try role.map { text in
            guard let role = DeviceRole(rawValue: text) else {
                let all = DeviceRole.allCases.map(\.rawValue).joined(separator: " or ")
                throw ValidationError("--role \(text): write \(all)")
            }
            return role
        }
    }

    private func planSplit() throws -> PlanSplit? {
        guard chips != nil || split != nil else {
            if weights != nil { throw ValidationError("--weights is about --split; add it or --chips") }
            return nil
        }
        let units = chips ?? 1
        guard units <= 1 << 20 else { throw ValidationError("--chips \(units): there are no systems of so many") }
        let name = split ?? Distribution.Kind.data.rawValue
        guard let kind = Distribution.Kind(rawValue: name) else {
            let all = Distribution.Kind.allCases.map(\.rawValue).joined(separator: " or ")
            throw ValidationError("--split \(name): write \(all)")
        }
        let names = weights?.split(separator: ",").map(String.init) ?? []
        return PlanSplit(kind: kind, units: units, weights: Set(names))
    }

    /// The parts of the roofs that are reached.
    private func parts() throws -> RooflineEfficiency {
        guard let efficiency else { return .full }
        var parts = ["compute": 1.0, "memory": 1.0, "interconnect": 1.0]
        for text in efficiency.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let part = sides.last.flatMap(Double.init), part.isFinite,
                sides.count == 1 || parts[sides[0]] != nil
            else {
                throw ValidationError(
                    "--efficiency \(text): write a part such as 0.6, or compute=0.6,memory=0.8,interconnect=0.7")
            }
            for name in sides.count == 1 ? Array(parts.keys) : [sides[0]] { parts[name] = part }
        }
        do {
            return try RooflineEfficiency(
                compute: parts["compute"] ?? 1, memory: parts["memory"] ?? 1, interconnect: parts["interconnect"] ?? 1)
        } catch { throw ValidationError("--efficiency: \(error)") }
    }

    /// The scalar types of `--ceilings`.
    private func ceilingTypes() throws -> Set<ScalarType> {
        guard let ceilings else { return [] }
        if ceilings == "all" { return Set(ScalarType.allCases) }
        var types: Set<ScalarType> = []
        for name in ceilings.split(separator: ",", omittingEmptySubsequences: false) {
            guard let type = ScalarType(name: String(name)) else {
                let all = ScalarType.allCases.map(\.name).joined(separator: ", ")
                throw ValidationError("--ceilings: '\(name)' is no scalar type; there are \(all), or write all")
            }
            types.insert(type)
        }
        return types
    }

    /// The chips that are asked for, each once.
    private func chosen(_ catalog: ProfileCatalog) throws -> [ChipProfile] {
        for refusal in catalog.refused { printError("note: not used: \(refusal.error)") }
        if all { return catalog.profiles }
        var profiles: [ChipProfile] = []
        for name in profile.flatMap({ $0.split(separator: ",", omittingEmptySubsequences: false) }) {
            let found: ChipProfile
            do { found = try catalog.profile(named: String(name)) } catch { throw ValidationError("\(error)") }
            if !profiles.contains(where: { $0.id == found.id }) { profiles.append(found) }
        }
        return profiles
    }

    private static func isCalled(_ profile: ChipProfile, _ name: String) -> Bool {
        ([profile.id, profile.name] + profile.aliases).contains { $0.lowercased() == name.lowercased() }
    }

    // MARK: - Plot

    private func picture(_ model: PlannedModel, _ plans: [ChipPlan]) throws -> RooflinePlot {
        let types = try ceilingTypes()
        return RooflinePlot(
            title: "Roofline of \(model.path)",
            subtitle: "large dots: the whole model; small dots: its costliest steps. Bounds from published figures",
            chips: plans.map { RooflinePlot.Chip($0, ceilings: types) })
    }
}

extension RooflinePlot.Chip {
    /// The roofs of a chip, the types of the model and `ceilings`, with the model where there is an estimate.
    init(_ plan: ChipPlan, ceilings types: Set<ScalarType>) {
        let estimate = plan.estimate
        let chips = Double(plan.chipCount) / Double(max(1, plan.profile.chipCount))
        var ceilings: [RooflinePlot.Ceiling] = []
        func add(_ name: String, _ rate: Double?, isDominant: Bool) {
            guard let rate, rate.isFinite, rate > 0, !ceilings.contains(where: { $0.name == name }) else { return }
            ceilings.append(.init(name: name, rate: rate, isDominant: isDominant))
        }
        for (index, load) in (estimate?.loads ?? []).enumerated() {
            add("\(load.type) \(load.unit.rawValue)", load.peak, isDominant: index == 0)
        }
        for type in ScalarType.allCases where types.contains(type) {
            let known = plan.profile.type(type)
            add("\(type) matrix", known.matrix.positive.map { $0 * chips }, isDominant: false)
            add("\(type) vector", known.vector.positive.map { $0 * chips }, isDominant: false)
        }
        // A chip that does not run the model has no place to show; one that is too small only lacks memory.
        if case .refused = plan.outcome {
            self.init(name: plan.profile.id, bandwidth: nil, ceilings: [], whole: nil, steps: [], note: Self.note(plan))
            return
        }
        var whole: RooflinePlot.Point?
        if let estimate, let seconds = plan.seconds, let intensity = estimate.intensity {
            whole = .init(name: "whole model", intensity: intensity, rate: estimate.operationCount / seconds)
        }
        // The work of a step is that of one part of those that share it; roofs and the whole are of all.
        let stepOperations = (estimate?.steps ?? []).reduce(0) { $0 + $1.work.operationCount }
        let parts = stepOperations > 0 ? (estimate?.operationCount ?? 0) / stepOperations : 1
        self.init(
            name: plan.profile.id,
            bandwidth: estimate?.peakBandwidth ?? plan.profile.memoryBandwidth.positive.map { $0 * chips },
            ceilings: ceilings, whole: whole,
            steps: plan.costliestSteps(12).compactMap { step in
                guard let intensity = step.one.intensity, let rate = step.one.operationRate else { return nil }
                // What hardly computes would stretch the plot for a dot that says nothing.
                guard intensity * 1000 >= whole?.intensity ?? 0 else { return nil }
                return .init(name: "\(step.count) x \(step.name)", intensity: intensity, rate: rate * parts)
            }, note: Self.note(plan))
    }

    private static func note(_ plan: ChipPlan) -> String {
        switch plan.outcome {
        case .runs: ""
        case .runsWithHost: "\(plan.support.hostCount) nodes on the host"
        case .tooLarge: "too large"
        case .refused: "does not run it"
        }
    }
}
