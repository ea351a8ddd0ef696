// Heterodyne: the report of a batch that is split over devices.
// SPDX-License-Identifier: Apache-2.0

extension CompilationReport {
    /// The part of a batch that one device computes.
    public struct Share: Sendable {
        /// The device.
        public var device: String
        /// The rows.
        public var rows: Range<Int>
        /// What decided about their number: `measured` or `given`.
        public var rule: String
        /// Why there are so many.
        public var reason: String
        /// Types of what the share computes.
        public var resultTypes: String
        /// Bytes that go to the device and come back in every run.
        public var byteCount: Int
        /// Seconds that a run is thought to take; nil where nothing was measured.
        public var seconds: Double?
        /// What was decided for the program of these rows.
        public var report: CompilationReport

        /// A share.
        public init(
            device: String, rows: Range<Int>, rule: String, reason: String, resultTypes: String, byteCount: Int,
            seconds: Double?, report: CompilationReport
        ) {
            self.device = device
            self.rows = rows
            self.rule = rule
            self.reason = reason
            self.resultTypes = resultTypes
            self.byteCount = byteCount
            self.seconds = seconds
            self.report = report
        }
    }

    /// The report of a batch of `rowCount` rows: for each share a line, then the entries of its own program.
    public init(label: String, rowCount: Int, shares: [Share]) {
        var devices: [String] = []
        for share in shares {
            for device in [share.device] + share.report.devices where !devices.contains(device) {
                devices.append(device)
            }
        }
        self.init(label: label, devices: devices)
        for share in shares {
            let last = share.rows.isEmpty ? "none" : "\(share.rows.lowerBound) to \(share.rows.upperBound - 1)"
            merge(
                Entry(
                    kind: .shard, operation: "rows \(last) of \(rowCount)", count: 1,
                    resultTypes: share.resultTypes, location: nil, device: share.device, rule: share.rule,
                    reason: share.reason, isFree: Entry.Kind.shard.isFree, operationCount: 0,
                    byteCount: Double(share.byteCount), seconds: share.seconds))
            merge(share.report.entries)
            passes += share.report.passes
            arenaByteCounts.merge(share.report.arenaByteCounts) { Self.sum($0, $1) }
            constantByteCounts.merge(share.report.constantByteCounts) { Self.sum($0, $1) }
            seconds += share.report.seconds
        }
    }

    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }
}
