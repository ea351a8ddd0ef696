// Heterodyne: what the suite showed on one device.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

/// What the suite showed on one device.
public struct DeviceReport: Sendable {
    /// The device.
    public let device: DeviceDescriptor
    /// What was hidden of the device and what its owner allowed instead.
    public let conditions: MissingTypes
    /// One result for each case.
    public let results: [CaseResult]
    /// How long the run took, the oracle included.
    public let seconds: Double

    /// How many cases ended with `status`.
    public func count(_ status: CaseResult.Status) -> Int { results.count { $0.status == status } }

    /// Whether no case failed and at least one passed or was refused as the policy asks: skips alone are not a pass.
    public var isConformant: Bool { count(.failed) == 0 && count(.passed) + count(.refused) > 0 }

    /// The results of one operation in one scalar type.
    public struct Cell: Sendable {
        /// Cases by outcome.
        public var counts: [CaseResult.Status: Int] = [:]
        /// The largest error of the metric `ulp`, in units in the last place, and what was allowed there.
        public var worstULP: (observed: Double, limit: Double)?
        /// The largest part of a bound that was used.
        public var worstRatio: Double?
        /// The first reason for a skip.
        public var skipReason: String?
    }

    /// A row of the table: an operation and a scalar type.
    public struct Row: Sendable {
        /// The operation.
        public let operation: String
        /// The scalar type.
        public let scalarType: ScalarType
        /// The results.
        public var cell: Cell
    }

    /// The table, in the order in which the cases ran.
    public var rows: [Row] {
        var rows: [Row] = []
        var positions: [String: Int] = [:]
        for result in results {
            let key = "\(result.operation)/\(result.scalarType)"
            let position = positions[key] ?? rows.count
            if position == rows.count {
                positions[key] = position
                rows.append(Row(operation: result.operation, scalarType: result.scalarType, cell: Cell()))
            }
            rows[position].cell.add(result)
        }
        return rows
    }
}

extension DeviceReport.Cell {
    mutating func add(_ result: CaseResult) {
        counts[result.status, default: 0] += 1
        if result.status == .skipped {
            skipReason = skipReason ?? result.reason
            return
        }
        switch result.metric {
        case .ulp:
            let limit = result.limit ?? 0
            if worstULP.map({ result.deviation.ulp > $0.observed }) ?? true {
                worstULP = (result.deviation.ulp, limit)
            }
        case .bound: worstRatio = max(worstRatio ?? 0, result.deviation.ratio)
        case .exact, nil: break
        }
    }
}
