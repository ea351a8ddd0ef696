// Heterodyne: how devices run every operation in every scalar type, as matrices or JSON.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneConformance

/// How devices run every operation in every scalar type.
struct OperationTable {
    /// The answers of one device.
    struct Column {
        let device: String
        /// By operation and type; absent where the operation is not defined for the type.
        let answers: [String: [ScalarType: OperationSupport]]
    }

    let types: [ScalarType]
    let policy: ScalarTypePolicy
    let columns: [Column]

    /// Asks `devices` about `types`; what one does not do may fall back to any of `others`.
    init(_ devices: [Device], others: [Device], types: [ScalarType], policy: ScalarTypePolicy) throws {
        self.types = types
        self.policy = policy
        columns = try devices.map { device in
            let survey = try SupportSurvey(of: device, fallbacks: others, policy: policy)
            var answers: [String: [ScalarType: OperationSupport]] = [:]
            for operation in SampleOperation.all {
                for type in types { answers[operation.name, default: [:]][type] = survey.support(for: operation, type) }
            }
            return Column(device: device.id, answers: answers)
        }
    }

    // MARK: - Text

    /// A matrix for each device, or for one type a column for each device.
    var text: String {
        var lines = types.count == 1 ? typeLines(types[0]) : columns.flatMap { matrixLines($0) + [""] }
        if types.count == 1 { lines.append("") }
        for column in columns {
            let reasons = reasonLines(column)
            if !reasons.isEmpty {
                lines += ["\(column.device): what is not done by the device itself"] + reasons + [""]
            }
        }
        if !policy.description.isEmpty { lines.append("policy: \(policy); the defaults elsewhere") }
        lines.append(Self.legend)
        return lines.joined(separator: "\n")
    }

    private static func letter(_ kind: OperationSupport.Kind?) -> String {
        switch kind {
        case .native: "N"
        case .decomposed: "D"
        case .converted: "C"
        case .emulatedByKernels: "K"
        case .emulatedByGraph: "G"
        case .demoted: "V"
        case .fallback: "F"
        case .unsupported: "-"
        case nil: ""
        }
    }

    private static let legend = """
        N native; D by decomposition; C values converted freely: moved as other types of the same bits;
        K emulated by the device's kernels; G emulated by rewriting the graph; V demoted to a narrower type;
        F falls back to another device; - unsupported; blank: not defined for the type
        """

    private func count(_ column: Column, _ kind: OperationSupport.Kind) -> Int {
        column.answers.values.reduce(0) { $0 + $1.values.filter { $0.kind == kind }.count }
    }

    private func matrixLines(_ column: Column) -> [String] {
        var totals: [String] = []
        for kind in OperationSupport.Kind.allCases {
            let count = count(column, kind)
            if count > 0 { totals.append("\(count) \(Self.words(kind))") }
        }
        var rows = [["\(column.device)"] + types.map(Listing.heading)]
        for operation in SampleOperation.all {
            rows.append(
                [operation.name] + types.map { Self.letter(column.answers[operation.name]?[$0]?.kind) })
        }
        var lines = Listing.aligned(rows)
        lines.insert("", at: 1 + SampleOperation.primitives.count)
        return [
            "\(column.device): of \(column.answers.count) operations in \(types.count) types "
                + "\(totals.joined(separator: ", "))"
        ] + lines
    }

    private static func words(_ kind: OperationSupport.Kind) -> String {
        switch kind {
        case .native: "native"
        case .decomposed: "by decomposition"
        case .converted: "converted freely"
        case .emulatedByKernels: "emulated by kernels"
        case .emulatedByGraph: "emulated in the graph"
        case .demoted: "demoted"
        case .fallback: "by fallback"
        case .unsupported: "unsupported"
        }
    }

    private func typeLines(_ type: ScalarType) -> [String] {
        var rows = [[type.name] + columns.map(\.device)]
        for operation in SampleOperation.all {
            let answers = columns.map { $0.answers[operation.name]?[type] }
            if answers.allSatisfy({ $0 == nil }) { continue }
            rows.append(
                [operation.name]
                    + answers.map { answer in
                        guard let answer else { return "" }
                        return answer.device.map { "falls back to \($0)" } ?? Self.words(answer.kind)
                    })
        }
        return Listing.aligned(rows)
    }

    /// Why, for each kind of answer and reason, the most cells first within a kind.
    private func reasonLines(_ column: Column) -> [String] {
        struct Group {
            var kind: OperationSupport.Kind
            var device: String?
            var reason: String
            var count = 0
            var types: Set<ScalarType> = []
            var operations: [String] = []
        }
        var groups: [Group] = []
        var positions: [OperationSupport: Int] = [:]
        for operation in SampleOperation.all {
            for type in types {
                guard let answer = column.answers[operation.name]?[type], let reason = answer.reason else { continue }
                let position = positions[answer] ?? groups.count
                if position == groups.count {
                    positions[answer] = position
                    groups.append(Group(kind: answer.kind, device: answer.device, reason: reason))
                }
                groups[position].count += 1
                groups[position].types.insert(type)
                if groups[position].operations.last != operation.name {
                    groups[position].operations.append(operation.name)
                }
            }
        }
        groups.sort { ($0.kind, -$0.count, $0.reason) < ($1.kind, -$1.count, $1.reason) }
        let shown = groups.prefix(24)
        var lines = shown.flatMap { group in
            let place = group.device.map { " to \($0)" } ?? ""
            let names = ScalarType.allCases.filter(group.types.contains).map(\.name)
            return [
                "  \(Self.letter(group.kind)) \(group.count) x \(Self.words(group.kind))\(place): \(group.reason)",
                "      \(Self.list(names, 6)): \(Self.list(group.operations, 8))",
            ]
        }
        if groups.count > shown.count {
            let rest = groups[shown.count...].reduce(0) { $0 + $1.count }
            lines.append("  … and \(rest) more for \(groups.count - shown.count) other reasons; --json has all")
        }
        return lines
    }

    private static func list(_ names: [String], _ limit: Int) -> String {
        guard names.count > limit + 1 else { return names.joined(separator: ", ") }
        return names.prefix(limit).joined(separator: ", ") + " and \(names.count - limit) more"
    }

    // MARK: - JSON

    private struct Document: Encodable {
        struct Answer: Encodable {
            var status: String
            var device: String?
            var reason: String?
        }
        struct Operation: Encodable {
            var name: String
            var kind: String
            /// By scalar type; those for which the operation is not defined are absent.
            var types: [String: Answer]
        }
        struct Entry: Encodable {
            var id: String
            var totals: [String: Int]
            var operations: [Operation]
        }
        var schema = 1
        var policy: [String: String]
        var devices: [Entry]
    }

    /// One document with every answer.
    func json() throws -> String {
        let entries = columns.map { column in
            Document.Entry(
                id: column.device,
                totals: Dictionary(
                    uniqueKeysWithValues: OperationSupport.Kind.allCases.map { ($0.rawValue, count(column, $0)) }),
                operations: SampleOperation.all.map { operation in
                    let answers = column.answers[operation.name] ?? [:]
                    return Document.Operation(
                        name: operation.name, kind: operation.primitive == nil ? "composite" : "primitive",
                        types: Dictionary(
                            uniqueKeysWithValues: answers.map {
                                (
                                    $0.key.name,
                                    Document.Answer(
                                        status: $0.value.kind.rawValue, device: $0.value.device,
                                        reason: $0.value.reason)
                                )
                            }))
                })
        }
        let document = Document(
            policy: Dictionary(uniqueKeysWithValues: ScalarType.allCases.map { ($0.name, policy[$0].rawValue) }),
            devices: entries)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(document), as: UTF8.self)
    }
}
