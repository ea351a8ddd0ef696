// Heterodyne: what was measured of a device beyond its roofs.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

/// What was measured of a device beyond its roofs: data that turns the bound into a forecast. Profiles from data sheets have
/// none of it.
public struct DeviceDetail: Sendable, Hashable {
    /// A level of memory that is faster than the main one.
    public struct Cache: Sendable, Hashable {
        /// How much it holds.
        public var byteCount: Double
        /// Bytes read or written per second by all units together.
        public var bandwidth: Double

        /// A level.
        public init(byteCount: Double, bandwidth: Double) {
            self.byteCount = byteCount
            self.bandwidth = bandwidth
        }
    }

    /// How the rate of matrix products falls with their extents, by the half-performance length n½ of Hockney and Jesshope
    /// ("Parallel Computers", 1981) for each extent of a product of an m x k and a k x n matrix:
    ///
    ///     rate(m, n, k) = peak / ((1 + rows / m) (1 + columns / n) (1 + depth / k))
    ///
    /// so a product that is large in all extents but has `rows` rows runs at half the peak.
    public struct HalfLengths: Sendable, Hashable {
        /// For the rows m.
        public var rows: Double
        /// For the columns n.
        public var columns: Double
        /// For the contracted extent k.
        public var depth: Double

        /// Lengths at which half the peak is reached.
        public init(rows: Double, columns: Double, depth: Double) {
            self.rows = rows
            self.columns = columns
            self.depth = depth
        }

        /// How many times longer a product takes than at the peak.
        func slowdown(_ product: NodeWork.Product) -> Double {
            func part(_ half: Double, _ extent: Double) -> Double { 1 + max(half, 0) / max(extent, 1) }
            return part(rows, product.rows) * part(columns, product.columns) * part(depth, product.depth)
        }

        /// The half-performance length of one extent, from the rates of two products that differ in nothing else: at
        /// `short` and at `long`. 0 where the shorter one is not slower.
        ///
        /// With r(x) = peak / (1 + h / x) and q = r(long) / r(short): h = (q - 1) / (1 / short - q / long), where the
        /// denominator is positive; a product that is slower still is bound by something else, and the length is `long`.
        public static func length(
            short: Double, shortRate: Double, long: Double, longRate: Double
        ) -> Double {
            guard short > 0, long > short, shortRate > 0, longRate > shortRate else { return 0 }
            let q = longRate / shortRate
            let denominator = 1 / short - q / long
            return denominator > 0 ? min((q - 1) / denominator, long) : long
        }
    }

    /// Levels of memory that are faster than the main one, smallest first.
    public var caches: [Cache]
    /// Operations per second of kinds that run at rates of their own, instead of the vector rate of the profile.
    public var rates: [NodeWork.Kind: [ScalarType: Double]]
    /// How the rate of matrix products falls with their extents.
    public var halfLengths: [ScalarType: HalfLengths]

    /// What was measured.
    public init(
        caches: [Cache] = [], rates: [NodeWork.Kind: [ScalarType: Double]] = [:],
        halfLengths: [ScalarType: HalfLengths] = [:]
    ) {
        self.caches = caches.sorted { $0.byteCount < $1.byteCount }
        self.rates = rates.mapValues { $0.filter { $0.value > 0 } }
        self.halfLengths = halfLengths
    }
}
