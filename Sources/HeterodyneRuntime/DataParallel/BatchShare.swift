// Heterodyne: how the rows of a batch are shared out among devices.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

/// The rows of a batch that one device computes.
public struct BatchShare: Sendable, Hashable {
    /// The device.
    public let device: Device
    /// The rows.
    public let rows: Range<Int>
    /// Rows per second of the device, as measured; nil where nothing was.
    public let speed: Double?

    /// How many of `total` rows each device gets: in proportion to `weights`, rounded so that none is left over (the
    /// largest remainders are rounded up, the first of equal ones), without any device where all weights are 0 or there are
    /// no rows.
    ///
    /// Throws `invalidArgument` for weights that are negative or not finite, and where rows find no device.
    static func counts(of total: Int, weights: [Double]) throws(BackendError) -> [Int] {
        for weight in weights where !weight.isFinite || weight < 0 {
            throw BackendError(.invalidArgument, "\(weight) is no share of a batch; shares are numbers from 0 on")
        }
        // Large weights are brought down first, so that their sum is finite.
        let largest = weights.max() ?? 0
        guard largest > 0 else {
            throw BackendError(.invalidArgument, "no device has a share of the batch; at least one must be above 0")
        }
        let parts = weights.map { $0 / largest }
        let sum = parts.reduce(0, +)
        let exact = parts.map { Double(total) * ($0 / sum) }
        var counts = exact.map { min(total, Int($0.rounded(.down))) }
        var left = total - counts.reduce(0, +)
        let order = exact.indices.sorted { a, b in
            let (x, y) = (exact[a] - exact[a].rounded(.down), exact[b] - exact[b].rounded(.down))
            return x == y ? a < b : x > y
        }
        while left > 0 {
            for index in order where left > 0 && weights[index] > 0 {
                counts[index] += 1
                left -= 1
            }
        }
        // Rounding can give a row too many where numbers are beyond what a Double holds exactly.
        for index in counts.indices.reversed() where left < 0 {
            let taken = min(counts[index], -left)
            counts[index] -= taken
            left += taken
        }
        return counts
    }
}

/// Wishes for splitting a batch over devices.
public struct ShardOptions: Sendable {
    /// The dimension of each input that counts rows, nil for inputs that all rows share; nil for the first dimension of
    /// every input that has one.
    public var axes: [Int?]?
    /// How much of the batch each device gets, in any unit; nil to measure.
    public var shares: [Double]?
    /// Rows per second of devices, by identifier, where they are known already; devices that are missing are measured.
    public var speeds: [String: Double] = [:]
    /// Wishes for the programs of the shares. Nothing is donated: shares work on copies or on views of the arguments.
    public var program = ProgramOptions()

    /// The defaults: rows along the first dimension of every input, shares by measured speed.
    public init() {}
}
