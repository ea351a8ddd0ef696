// Heterodyne: what was measured of a device beyond its roofs.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

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

    /// How long products of square matrices take, measured at a few sizes; between them seconds are interpolated on
    /// logarithmic scales, beyond them the rate of the last one counts. Small products are slower than the peak for many
    /// reasons (starting threads, filling vector registers, packing), which the curve holds without naming them.
    public struct ProductCurve: Sendable, Hashable {
        /// One measurement.
        public struct Point: Sendable, Hashable {
            /// Multiplications and additions of the product.
            public var operationCount: Double
            /// Seconds that it took.
            public var seconds: Double

            /// A measurement.
            public init(operationCount: Double, seconds: Double) {
                self.operationCount = operationCount
                self.seconds = seconds
            }
        }

        /// The measurements, smallest product first.
        public let points: [Point]

        /// A curve; what is no positive finite number is left out, and nil where nothing remains.
        public init?(_ points: [Point]) {
            self.points = points.filter {
                $0.operationCount > 0 && $0.operationCount.isFinite && $0.seconds > 0 && $0.seconds.isFinite
            }.sorted { $0.operationCount < $1.operationCount }
            if self.points.isEmpty { return nil }
        }

        /// Operations per second of a product of so many operations.
        public func rate(_ operationCount: Double) -> Double {
            guard let first = points.first, let last = points.last else { return 0 }
            func rate(_ point: Point) -> Double { point.operationCount / point.seconds }
            if operationCount <= first.operationCount { return rate(first) }
            guard let above = points.firstIndex(where: { $0.operationCount > operationCount }) else {
                return rate(last)
            }
            let (a, b) = (points[above - 1], points[above])
            let part = log2(operationCount / a.operationCount) / log2(b.operationCount / a.operationCount)
            return rate(a) * exp2(part * log2(rate(b) / rate(a)))
        }
    }

    /// Levels of memory that are faster than the main one, smallest first.
    public var caches: [Cache]
    /// Operations per second of kinds that run at rates of their own, instead of the vector rate of the profile.
    public var rates: [NodeWork.Kind: [ScalarType: Double]]
    /// The same within composites that a backend runs whole, such as `softmax`, where rows stay in registers between the
    /// parts of the definition; where nothing is said here, `rates` hold.
    public var innerRates: [NodeWork.Kind: [ScalarType: Double]]
    /// How long products of square matrices take.
    public var products: [ScalarType: ProductCurve]
    /// How the rate of matrix products falls with their extents.
    public var halfLengths: [ScalarType: HalfLengths]

    /// What was measured.
    public init(
        caches: [Cache] = [], rates: [NodeWork.Kind: [ScalarType: Double]] = [:],
        innerRates: [NodeWork.Kind: [ScalarType: Double]] = [:],
        products: [ScalarType: ProductCurve] = [:], halfLengths: [ScalarType: HalfLengths] = [:]
    ) {
        self.caches = caches.sorted { $0.byteCount < $1.byteCount }
        self.rates = rates.mapValues { $0.filter { $0.value > 0 } }
        self.innerRates = innerRates.mapValues { $0.filter { $0.value > 0 } }
        self.products = products
        self.halfLengths = halfLengths
    }

    /// The measured rate of a kind, within a composite or as a step of its own.
    func rate(_ kind: NodeWork.Kind, _ type: ScalarType, isInner: Bool) -> Double? {
        (isInner ? innerRates[kind]?[type] : nil) ?? rates[kind]?[type]
    }

    /// Seconds of products whose type has a curve or half-performance lengths, at `peak` operations per second where it has
    /// no curve. With a curve, a product is compared with the square one of as many operations.
    func seconds(_ product: NodeWork.Product, peak: Double) -> Double {
        let total = product.operationCount
        guard total > 0 else { return 0 }
        let curve = products[product.type]
        var seconds = total / (curve?.rate(total) ?? peak)
        if let lengths = halfLengths[product.type] {
            seconds *= lengths.slowdown(product)
            if curve != nil {
                var square = product
                let side = cbrt(product.rows * product.columns * product.depth)
                (square.rows, square.columns, square.depth) = (side, side, side)
                seconds /= lengths.slowdown(square)
            }
        }
        return seconds
    }
}
