// Heterodyne: compiles a model for a chip that is not here and asks the roofline model what it takes.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneRoofline

/// What happens to what a chip cannot do.
struct PlanPolicy: Sendable, Hashable {
    /// Whether the host may compute nodes that the chip refuses.
    var allowsHost: Bool
    /// What happens where the chip lacks a scalar type.
    var types: ScalarTypePolicy
    /// Whether every decision of the compiler that is not free is an error.
    var isStrict: Bool
}

/// Plans a model on one chip after the other.
struct ChipPlanner {
    let policy: PlanPolicy
    let split: PlanSplit?
    /// Which part of each roof is reached.
    let efficiency: RooflineEfficiency
    /// The processor that drives the chips: it computes what they refuse.
    private let host: CompilationTarget

    init(policy: PlanPolicy, split: PlanSplit?, efficiency: RooflineEfficiency = .full) throws {
        self.policy = policy
        self.split = split
        self.efficiency = efficiency
        let reference = try Device("reference")
        let capabilities = try reference.backend.capabilities(of: reference.id)
        host = CompilationTarget(device: "host", capabilities: capabilities)
    }

    /// The plan for one chip, or for as many of it as share the work.
    func plan(_ model: PlannedModel, on profile: ChipProfile) -> ChipPlan {
        let inside = max(1, profile.chipCount)
        let (count, overflow) = (split?.units ?? 1).multipliedReportingOverflow(by: inside)
        var plan = ChipPlan(profile: profile, chipCount: overflow ? Int.max : count, outcome: .runs)
        // Chips that share work have their own memory each; else a system counts as one large chip.
        let isShared = split != nil && plan.chipCount > 1
        plan.capacity = profile.memoryByteCount.positive.map { isShared ? $0 / Double(inside) : $0 }
        let parts: [Part]
        do { parts = try compile(model, profile, policy, &plan.support) } catch {
            plan.outcome = .refused(error.message)
            // How much of the model is concerned is worth knowing too.
            var lenient = policy
            lenient.allowsHost = true
            lenient.isStrict = false
            for type in ScalarType.allCases where lenient.types[type] == .error { lenient.types[type] = .fallback }
            var support = NodeSupport()
            if (try? compile(model, profile, lenient, &support)) != nil { plan.support = support }
            return plan
        }
        do {
            plan.memory = try MemoryFootprint(
                of: parts.map { ($0.graph, $0.weights) }, on: isShared ? plan.chipCount : 1, split?.kind ?? .data)
        } catch {
            plan.outcome = .refused("its memory cannot be counted: \(error)")
            return plan
        }
        if plan.support.hostCount > 0 {
            plan.outcome = .runsWithHost
            if let refusal = plan.support.idleness {
                plan.outcome = .refused(refusal)
                return plan
            }
        }
        if plan.fits == false {
            plan.outcome = .tooLarge
            return plan
        }
        let estimator = RooflineEstimator(profile, options: RooflineOptions(efficiency: efficiency))
        var estimates: [RooflineEstimate] = []
        do throws(RooflineError) {
            for part in parts {
                guard let split, isShared else {
                    estimates.append(estimator.estimate(part.graph))
                    continue
                }
                let distribution = try Distribution(split.kind, chips: plan.chipCount, weights: part.weights)
                estimates.append(try estimator.estimate(part.graph, over: distribution))
            }
        } catch {
            plan.outcome = .refused(error.message)
            return plan
        }
        plan.estimate = RooflineEstimate(sum: estimates)
        plan.steps = zip(estimates, parts).flatMap { PlanStep.steps($0, of: $1.graph) }
        return plan
    }

    /// A graph that the chip runs, and its inputs that are weights.
    private struct Part {
        let graph: Graph
        let weights: Set<String>
    }

    /// The graphs that the chip runs.
    private func compile(
        _ model: PlannedModel, _ profile: ChipProfile, _ policy: PlanPolicy, _ support: inout NodeSupport
    ) throws(GraphError) -> [Part] {
        var options = CompilerOptions()
        options.scalarTypes = policy.types
        options.isStrict = policy.isStrict
        options.role = model.role
        options.verifiesPasses = false
        let chip: CompilationTarget
        do { chip = try CompilationTarget(backend: PlannedChip(profile), device: profile.id) } catch {
            throw GraphError(.unsupported, error.message)
        }
        let compiler = Compiler(
            targets: policy.allowsHost ? [chip, host] : [chip], options: options,
            evaluator: Runtime.shared.evaluator)
        var parts: [Part] = []
        for graph in model.graphs {
            let compiled = try compiler.compile(graph, label: model.path)
            support.add(compiled.report, chip: profile.id)
            for part in compiled.parts where part.target == 0 {
                // Parts name their inputs anew; where they come from tells which are weights.
                let weights = zip(part.graph.inputNames, part.inputs).filter { _, value in
                    guard case .parameter(_, let name, _) = compiled.placed.node(of: value).operation else {
                        return false
                    }
                    return split?.weights.contains(name) == true
                }
                parts.append(Part(graph: part.graph, weights: Set(weights.map(\.0))))
            }
        }
        return parts
    }
}

extension NodeSupport {
    /// The least part of the operations that a chip must run for the model to count as running there.
    static let leastShare = 0.01

    /// Why the chip cannot be said to run the model: the host does nearly all of it. Nil where it does enough.
    var idleness: String? {
        guard hostCount > 0 else { return nil }
        guard hostCount < nodeCount else { return "runs none of the \(nodeCount) nodes" }
        guard operationCount > 0, chipOperationCount < Self.leastShare * operationCount else { return nil }
        return "runs \(nodeCount - hostCount) of \(nodeCount) nodes, with "
            + "\(PlanUnits.percent(chipOperationCount / operationCount)) of the operations"
    }
}

extension RooflineEstimate {
    /// What programs take that run one after the other on the same chips; nil for none.
    init?(sum estimates: [RooflineEstimate]) {
        guard var sum = estimates.first else { return nil }
        for next in estimates.dropFirst() {
            if let seconds = next.seconds {
                sum.seconds = (sum.seconds ?? 0) + seconds
            } else {
                sum.isLowerBound = true
            }
            sum.isLowerBound = sum.isLowerBound || next.isLowerBound
            for term in next.missing {
                if let known = sum.missing.firstIndex(where: { $0.figure == term.figure }) {
                    sum.missing[known].amount += term.amount
                    sum.missing[known].stepCount += term.stepCount
                } else {
                    sum.missing.append(term)
                }
            }
            for line in next.assumptions where !sum.assumptions.contains(line) { sum.assumptions.append(line) }
            sum.steps += next.steps
            sum.secondsByRoof.merge(next.secondsByRoof, uniquingKeysWith: +)
            for load in next.loads {
                let known = sum.loads.firstIndex { $0.unit == load.unit && $0.type == load.type }
                if let known { sum.loads[known].operationCount += load.operationCount } else { sum.loads.append(load) }
            }
            sum.byteCount += next.byteCount
            sum.communicationByteCount += next.communicationByteCount
            sum.launchSeconds += next.launchSeconds
        }
        sum.loads.sort { $0.operationCount > $1.operationCount }
        self = sum
    }
}
