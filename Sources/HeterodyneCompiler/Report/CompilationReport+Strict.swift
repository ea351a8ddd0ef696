// Heterodyne: what strict compilation says to a decision that is not free.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

extension CompilationReport {
    /// The error of strict compilation: it names the first decision that is not free, its node, place, rule and reason,
    /// and how to allow or avoid it. Nil where everything is free.
    public var strictRefusal: GraphError? {
        let costly = costlyEntries
        guard let first = costly.first else { return nil }
        let place = first.location.map { " built at \($0)" } ?? ""
        let rule = first.rule.isEmpty ? "" : " (rule \(first.rule))"
        let more =
            costly.count > 1
            ? " In all there are \(Self.counted(costly.count, "such decision")): \(costSummary)." : ""
        return GraphError(
            .unsupported,
            "strict compilation refuses the \(first.kind.rawValue) of \(first.count) x \(first.operation) -> "
                + "\(first.resultTypes)\(place) \(first.kind.preposition) \(first.device): \(first.reason)\(rule). "
                + "\(first.advice), or allow it by compiling without strict.\(more)", operation: first.operation)
    }
}

extension CompilationReport.Entry.Kind {
    /// The word between a decision of the kind and its device.
    var preposition: String {
        switch self {
        case .fallback, .transfer: "to"
        case .placement, .recognition, .decomposition, .fusion, .legalization, .shard: "on"
        }
    }
}

extension CompilationReport.Entry {
    /// How to do without the decision.
    fileprivate var advice: String {
        switch kind {
        case .fallback: "Compile for \(device), which runs it as it is"
        case .transfer: "Compile for one device that runs every node"
        case .legalization:
            if let type = rule.split(separator: "=", maxSplits: 1).first, rule.contains("=") {
                "Compile for a device that has \(type)"
            } else {
                "Compile for a device that has the types"
            }
        case .placement, .recognition, .decomposition, .fusion, .shard: "Compile for another device"
        }
    }
}
