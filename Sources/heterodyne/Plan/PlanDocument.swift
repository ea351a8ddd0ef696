// Heterodyne: `heterodyne plan --json`.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneRoofline

/// A plan as one JSON document, schema 1. Fields may be added while `schema` stays. Numbers are in SI units; what is
/// unknown is absent.
struct PlanDocument: Encodable {
    let schema = 1
    let model: ModelEntry
    let policy: PolicyEntry
    let split: SplitEntry?
    let chips: [ChipEntry]

    struct ModelEntry: Encodable {
        let path: String
        let inputs: [String]
        let role: String
        let samplesPerRun: Double
        let batch: Int?
        let sequence: Int?
        let notes: [String]
    }

    struct PolicyEntry: Encodable {
        let allowsHost: Bool
        let types: String
        let isStrict: Bool
    }

    struct SplitEntry: Encodable {
        let kind: String
        let units: Int
        let weights: [String]
    }

    struct MemoryEntry: Encodable {
        let weightByteCount: Double
        let intermediateByteCount: Double
        let portByteCount: Double
        let totalByteCount: Double
        let capacityByteCount: Double?
        let fits: Bool?
    }

    struct NodesEntry: Encodable {
        let total: Int
        let native: Int
        let emulated: Int
        let moved: Int
        let onHost: Int
        let decomposed: Int
        let transferredByteCount: Double
        let operationShareOnChip: Double?
        let emulatedGroups: [NodeGroup]
        let onHostGroups: [NodeGroup]
        let decomposedGroups: [NodeGroup]
    }

    struct MissingEntry: Encodable {
        let figure: String
        let reason: String
        let amount: Double
        let stepCount: Int
    }

    struct LoadEntry: Encodable {
        let type: String
        let unit: String
        let operationCount: Double
        let peakPerSecond: Double?
    }

    struct StepEntry: Encodable {
        /// How many such steps there are; the numbers are those of one.
        let count: Int
        let name: String
        let resultTypes: String
        let operationCount: Double
        let byteCount: Double
        let seconds: Double?
        let computeSeconds: Double
        let memorySeconds: Double
        let interconnectSeconds: Double
        let overheadSeconds: Double
        let roof: String?
        let isLowerBound: Bool
    }

    struct EstimateEntry: Encodable {
        let secondsPerRun: Double?
        let isLowerBound: Bool
        let samplesPerSecond: Double?
        let tokensPerSecond: Double?
        let boundBy: String?
        let secondsByRoof: [String: Double]
        let utilisation: Double?
        let memoryUtilisation: Double?
        let joulesPerRun: Double?
        let samplesPerJoule: Double?
        let tokensPerJoule: Double?
        let operationCount: Double
        let byteCount: Double
        let operationsPerByte: Double?
        let communicationByteCount: Double
        let loads: [LoadEntry]
        let missing: [MissingEntry]
        let assumptions: [String]
        let steps: [StepEntry]
    }

    struct FigureEntry: Encodable {
        let name: String
        let unit: String
        let value: Double?
        let source: String?
        let confidence: String?
        let unknown: String?

        init(_ figure: PlanFigure) {
            name = figure.name
            unit = figure.unit
            value = figure.fact.value?.finite
            source = figure.fact.figure?.source
            confidence = figure.fact.figure?.confidence.rawValue
            unknown = figure.fact.reason
        }
    }

    struct ChipEntry: Encodable {
        let id: String
        let name: String
        let vendor: String
        let kind: String
        let chipCount: Int
        let outcome: String
        let reason: String?
        let memory: MemoryEntry?
        let nodes: NodesEntry?
        let estimate: EstimateEntry?
        let figures: [FigureEntry]
        let remarks: [String]
    }

    init(model: PlannedModel, plans: [ChipPlan], policy: PlanPolicy, split: PlanSplit?) {
        self.model = ModelEntry(
            path: model.path, inputs: model.inputs, role: model.role.rawValue, samplesPerRun: model.samples,
            batch: model.batch, sequence: model.sequence, notes: model.notes)
        self.policy = PolicyEntry(
            allowsHost: policy.allowsHost, types: policy.types.description, isStrict: policy.isStrict)
        self.split = split.map { SplitEntry(kind: $0.kind.rawValue, units: $0.units, weights: $0.weights.sorted()) }
        chips = plans.map { ChipEntry($0, model) }
    }
}

extension PlanDocument.ChipEntry {
    fileprivate init(_ plan: ChipPlan, _ model: PlannedModel) {
        id = plan.profile.id
        name = plan.profile.name
        vendor = plan.profile.vendor
        kind = plan.profile.kind.rawValue
        chipCount = plan.chipCount
        outcome = plan.outcome.name
        if case .refused(let why) = plan.outcome { reason = why } else { reason = nil }
        memory = plan.memory.map { memory in
            PlanDocument.MemoryEntry(
                weightByteCount: memory.weights, intermediateByteCount: memory.intermediates,
                portByteCount: memory.ports, totalByteCount: memory.total, capacityByteCount: plan.capacity?.finite,
                fits: plan.fits)
        }
        let support = plan.support
        nodes =
            support.nodeCount == 0
            ? nil
            : PlanDocument.NodesEntry(
                total: support.nodeCount, native: support.nativeCount, emulated: support.emulatedCount,
                moved: support.movedCount, onHost: support.hostCount, decomposed: support.decomposedCount,
                transferredByteCount: support.transferredByteCount,
                operationShareOnChip: support.operationCount > 0
                    ? (support.chipOperationCount / support.operationCount).finite : nil,
                emulatedGroups: support.emulated,
                onHostGroups: support.onHost, decomposedGroups: support.decomposed)
        estimate = plan.estimate.map { PlanDocument.EstimateEntry(plan, $0, model) }
        figures = plan.figures.map(PlanDocument.FigureEntry.init)
        remarks = plan.remarks
    }
}

extension PlanDocument.EstimateEntry {
    fileprivate init(_ plan: ChipPlan, _ estimate: RooflineEstimate, _ model: PlannedModel) {
        secondsPerRun = plan.seconds
        isLowerBound = estimate.isLowerBound
        samplesPerSecond = plan.perSecond(model.samples)?.finite
        tokensPerSecond = plan.perSecond(model.tokens)?.finite
        boundBy = estimate.boundBy?.rawValue
        var roofs: [String: Double] = [:]
        for (roof, seconds) in estimate.secondsByRoof { roofs[roof.rawValue] = seconds.finite }
        secondsByRoof = roofs
        utilisation = estimate.utilisation?.finite
        memoryUtilisation = estimate.memoryUtilisation?.finite
        joulesPerRun = estimate.joules?.finite
        samplesPerJoule = plan.perJoule(model.samples)?.finite
        tokensPerJoule = plan.perJoule(model.tokens)?.finite
        operationCount = estimate.operationCount.finite ?? 0
        byteCount = estimate.byteCount.finite ?? 0
        operationsPerByte = estimate.intensity?.finite
        communicationByteCount = estimate.communicationByteCount.finite ?? 0
        loads = estimate.loads.map {
            PlanDocument.LoadEntry(
                type: $0.type.name, unit: $0.unit.rawValue, operationCount: $0.operationCount.finite ?? 0,
                peakPerSecond: $0.peak?.finite)
        }
        missing = estimate.missing.map {
            PlanDocument.MissingEntry(
                figure: $0.name, reason: $0.reason, amount: $0.amount.finite ?? 0, stepCount: $0.stepCount)
        }
        assumptions = estimate.assumptions
        steps = plan.costliestSteps(32).map { step in
            let one = step.one
            return PlanDocument.StepEntry(
                count: step.count, name: step.name, resultTypes: step.resultTypes,
                operationCount: one.work.operationCount.finite ?? 0, byteCount: one.byteCount.finite ?? 0,
                seconds: one.seconds?.finite, computeSeconds: one.computeSeconds.finite ?? 0,
                memorySeconds: one.memorySeconds.finite ?? 0, interconnectSeconds: one.communicationSeconds.finite ?? 0,
                overheadSeconds: one.overheadSeconds.finite ?? 0, roof: one.roof?.rawValue,
                isLowerBound: one.isLowerBound)
        }
    }
}

/// The profiles as one JSON document: `heterodyne plan --list --json`.
struct ProfileListDocument: Encodable {
    let schema = 1
    let profiles: [Entry]
    let refused: [Refusal]

    struct Entry: Encodable {
        let id: String
        let name: String
        let vendor: String
        let aliases: [String]
        let kind: String
        let roles: [String]
        let chipCount: Int
        let file: String?
        let types: [String: String]
        let figures: [PlanDocument.FigureEntry]
        let missing: [String]
        let assumptions: [String]
        let notes: [String]
    }

    struct Refusal: Encodable {
        let file: String
        let reason: String
    }

    init(_ catalog: ProfileCatalog) {
        profiles = catalog.profiles.map { profile in
            var types: [String: String] = [:]
            for type in ScalarType.allCases {
                switch profile.type(type).presence {
                case .native: types[type.name] = "native"
                case .absent: types[type.name] = "absent"
                case .unknown: types[type.name] = "unknown"
                }
            }
            return Entry(
                id: profile.id, name: profile.name, vendor: profile.vendor, aliases: profile.aliases,
                kind: profile.kind.rawValue, roles: profile.roles.map(\.rawValue).sorted(),
                chipCount: profile.chipCount, file: catalog.paths[profile.id], types: types,
                figures: ProfileList.figures(of: profile).map(PlanDocument.FigureEntry.init),
                missing: profile.missing, assumptions: profile.assumptions, notes: profile.notes)
        }
        refused = catalog.refused.map { Refusal(file: $0.path, reason: $0.error.description) }
    }
}

extension Double {
    /// The number where JSON has it.
    fileprivate var finite: Double? { isFinite ? self : nil }
}

extension Encodable {
    /// The value as JSON text with sorted keys.
    func jsonText() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
